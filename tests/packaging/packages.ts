/** Trees to build in, and packages made from them, as a packager makes them. */

import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";

/** How long one command may take, in milliseconds. */
const LIMIT = 120_000;

/** The result of a finished command; stdout and stderr together, in their order. */
export interface Finished {
  code: number;
  output: string;
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** Nothing of the environment that the tests run in reaches a command. */
const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** Runs a command to its end, with any exit code. */
export async function attempt(
  command: string[],
  { cwd, env = {} }: CommandOptions = {},
): Promise<Finished> {
  const process = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" 2>&1', "sh", ...command],
    cwd,
    clearEnv: true,
    env: { ...ENVIRONMENT, ...env },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  try {
    const { code, stdout } = await soon(
      `"${command.join(" ")}" has ended`,
      process.output(),
      { within: LIMIT },
    );
    return { code, output: new TextDecoder().decode(stdout) };
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}

/** As {@linkcode attempt}, but an exit code other than 0 is an error. */
export async function run(
  command: string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, output } = await attempt(command, options);
  if (code !== 0) {
    throw new Error(
      `"${command.join(" ")}" ended with code ${code}\n${output}`.trimEnd(),
    );
  }
  return output;
}

/** The Deno of this checkout and its compile runtime, as make takes them. */
export async function toolchain(): Promise<Record<string, string>> {
  const env = await run([
    "toolchain/deno",
    "eval",
    "console.log(JSON.stringify(Deno.env.toObject()))",
  ], {
    cwd: REPOSITORY,
    env: inherited("HOME", "DENO", "DENORT_BIN", "DENO_DIR"),
  });
  const { DENO, DENORT_BIN } = JSON.parse(env.trimEnd().split("\n").at(-1)!);
  return DENORT_BIN === undefined ? { DENO } : { DENO, DENORT_BIN };
}

/** Those of these variables that are set. */
export function inherited(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [name, Deno.env.get(name)])
      .filter(([, value]) => value !== undefined),
  );
}

/** Copies the sources of this checkout: tracked and untracked files that git does not ignore. */
export async function copySources(to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  await run(
    [
      "bash",
      "-ec",
      `git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' path; do [ ! -e "$path" ] || printf '%s\\0' "$path"; done |
        tar -c --null --no-recursion --files-from=- | tar -x -C "$1"`,
      "bash",
      to,
    ],
    { cwd: REPOSITORY },
  );
}

/** Makes packages of this checkout, quickly, and returns the folder's file names. */
export async function make(
  targets: string[],
  distdir: string,
  { cwd = REPOSITORY, env = {} }: CommandOptions = {},
): Promise<string[]> {
  await run(
    ["make", "-j2", ...targets, `distdir=${distdir}`, "COMPRESSION=fast"],
    {
      cwd,
      env: {
        ...await toolchain(),
        ...inherited("HOME", "DENO_DIR", "TMPDIR"),
        ...env,
      },
    },
  );
  return [...Deno.readDirSync(distdir)].map(({ name }) => name).sort();
}

/** The version in deno.json, the only file that states it. */
export const VERSION: string =
  JSON.parse(Deno.readTextFileSync(`${REPOSITORY}deno.json`)).version;

/** Every file below a folder, with its mode and content. */
export async function contents(root: string): Promise<string> {
  return await run([
    "bash",
    "-ec",
    `cd "$1"; find . -printf '%M %p\\n' | LC_ALL=C sort -k2; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`,
    "bash",
    root,
  ]);
}

/**
 * What a build takes from outside, where anyone may read it: in a folder, a Deno and its
 * compile runtime, which are returned as variables; and in a tree, the installed files.
 */
export async function bringAlong(
  to: string,
  tree: string,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const [name, path] of Object.entries(await toolchain())) {
    env[name] = `${to}/${name.toLowerCase()}`;
    await run(["cp", "--reflink=auto", path, env[name]]);
  }
  const installed = `${tree}/toolchain/installed`;
  await Deno.mkdir(installed);
  for (const { name } of Deno.readDirSync(`${REPOSITORY}toolchain/installed`)) {
    if (!/^(deno-std|esbuild-)/.test(name)) continue;
    await run([
      "cp",
      "-R",
      `${REPOSITORY}toolchain/installed/${name}`,
      installed,
    ]);
  }
  return env;
}
