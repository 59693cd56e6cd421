/** Trees to build in, and packages made from them, as a packager makes them. */

import {
  type Finished,
  REPOSITORY,
  run,
  type RunOptions,
  stdoutOf,
} from "../support/program.ts";

/** Runs commands of bash, with any exit code; stderr is part of stdout. */
export function attempt(
  script: string,
  options: RunOptions = {},
): Promise<Finished> {
  const args = ["-e", "-o", "pipefail", "-c", `exec 2>&1\n${script}`];
  return run("bash", args, { within: 300_000, ...options });
}

/** As {@linkcode attempt}, but an exit code other than 0 is an error. */
export async function sh(script: string, options?: RunOptions) {
  return stdoutOf([script], await attempt(script, options));
}

/** The Deno of this checkout and its compile runtime, as make takes them. */
export async function toolchain(): Promise<Record<string, string>> {
  const env = await sh(
    "toolchain/deno eval 'console.log(JSON.stringify(Deno.env.toObject()))'",
    {
      cwd: REPOSITORY,
      env: inherited("HOME", "DENO", "DENORT_BIN", "DENO_DIR"),
    },
  );
  const { DENO, DENORT_BIN } = JSON.parse(env.trimEnd().split("\n").at(-1)!);
  return DENORT_BIN === undefined ? { DENO } : { DENO, DENORT_BIN };
}

/** Returns those of these variables that are set. */
export function inherited(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [name, Deno.env.get(name)])
      .filter(([, value]) => value !== undefined),
  );
}

/** Copies the sources of this checkout: tracked and untracked files that git does not ignore. */
export async function copySources(to: string): Promise<void> {
  await sh(
    `mkdir -p ${to}; git ls-files -z --cached --others --exclude-standard |
      while IFS= read -r -d '' path; do [ ! -e "$path" ] || printf '%s\\0' "$path"; done |
      tar -c --null --no-recursion --files-from=- | tar -x -C ${to}`,
    { cwd: REPOSITORY },
  );
}

/** Makes packages of this checkout, quickly, and returns the folder's file names. */
export async function make(
  targets: readonly string[],
  distdir: string,
  cwd = REPOSITORY,
): Promise<string[]> {
  const outer = inherited("HOME", "DENO_DIR", "TMPDIR");
  await sh(
    `make -j2 ${targets.join(" ")} distdir=${distdir} COMPRESSION=fast`,
    { cwd, env: { ...await toolchain(), ...outer } },
  );
  return [...Deno.readDirSync(distdir)].map(({ name }) => name).sort();
}

export const VERSION: string =
  JSON.parse(Deno.readTextFileSync(`${REPOSITORY}deno.json`)).version;

/** Every file below a folder, with its mode and content. */
export const contents = (root: string): Promise<string> =>
  sh(
    `find . -printf '%M %p\\n' | LC_ALL=C sort -k2
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`,
    { cwd: root },
  );

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
    await sh(`cp --reflink=auto '${path}' ${env[name]}`);
  }
  await sh(
    `mkdir '${tree}/toolchain/installed'
    cp -R toolchain/installed/{deno-std,esbuild-}* '${tree}/toolchain/installed'`,
    { cwd: REPOSITORY },
  );
  return env;
}
