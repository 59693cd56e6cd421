/**
 * `write_code_cache.ts CACHE PROGRAM`: puts what is in CACHE, a code cache that
 * Deno wrote for another program, where PROGRAM looks for its own.
 *
 * PROGRAM was made by `deno compile --self-extracting`, so that is next to it:
 * in `.NAME/HASH.cache`, if there is a `.NAME/HASH/.done` that says that nothing is
 * left to extract. HASH is of the modules in PROGRAM. That the rest fits, its
 * version and its flags, V8 checks itself.
 *
 * @module
 */

import { basename, dirname } from "node:path";
import { formatCodeCache, parseCodeCache } from "./code_cache_file.ts";

/** What a program that Deno compiled says about itself, as JSON in its payload. */
function field(payload: string, name: string, value: string): string {
  const found = new Set(
    Array.from(
      payload.matchAll(new RegExp(`"${name}":"?(${value})\\b`, "g")),
      ([, text]) => text!,
    ),
  );
  const [only] = found;
  if (only === undefined || found.size > 1) {
    fail(`expected one "${name}" in the program, found ${found.size}`);
  }
  return only;
}

function fail(message: string): never {
  console.error(`toolchain: cannot write the code cache: ${message}`);
  Deno.exit(1);
}

async function main([cache, program]: string[]): Promise<void> {
  if (cache === undefined || program === undefined) {
    fail("usage: write_code_cache.ts CACHE PROGRAM");
  }
  const payload = new TextDecoder("latin1").decode(
    await Deno.readFile(program),
  );
  const key = BigInt(field(payload, "code_cache_key", "\\d+"));
  const hash = field(payload, "self_extracting", "[0-9a-f]{16}");
  // Modules of the program that wrote it are in it too.
  const entries = parseCodeCache(await read(cache))
    .filter(({ specifier }) => !specifier.startsWith("file:"));
  if (!entries.some(({ specifier }) => specifier === "node:process")) {
    fail(`"node:process" is not in ${JSON.stringify(cache)}`);
  }
  const folder = `${dirname(program)}/.${basename(program)}`;
  // Under its final name only when whole.
  const partial = `${folder}.partial`;
  for (const left of [folder, partial]) await removeIfThere(left);
  await Deno.mkdir(`${partial}/${hash}`, { recursive: true });
  await Deno.writeTextFile(
    `${partial}/${hash}/.done`,
    "There is nothing to extract.\n",
  );
  await Deno.writeFile(
    `${partial}/${hash}.cache`,
    formatCodeCache(key, entries),
  );
  await Deno.rename(partial, folder);
}

/** Deno writes its cache if it can, and does not say when it cannot. */
async function read(cache: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(cache);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    fail(`Deno wrote no ${JSON.stringify(cache)}; is the disk full?`);
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

if (import.meta.main) {
  await main(Deno.args).catch((error: unknown) =>
    fail(error instanceof Error ? error.message : `${error}`)
  );
}
