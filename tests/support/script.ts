/** Small programs that use the library, run with exactly the given permissions. */

import * as mod from "../../mod.ts";
import { type Finished, REPOSITORY, run } from "./program.ts";

const coverage = Deno.env.get("DENO_COVERAGE_DIR");

/**
 * The command that runs a program of this repository, and stops for no prompt.
 * Permissions, the program and its arguments are to follow. What it covers counts
 * with the coverage of the tests themselves.
 */
export const DENO_RUN: readonly string[] = [
  Deno.execPath(),
  ...["run", "--quiet", "--no-check", "--no-prompt"],
  ...(coverage === undefined ? [] : [`--coverage=${coverage}`]),
];

/** Returns the command of a script, which uses the exports of `mod.ts` by name. */
export function scriptCommand(script: string, flags: string[]): string[] {
  const source = `
    import { ${Object.keys(mod).join(", ")} } from "file://${REPOSITORY}mod.ts";
    ${script}`;
  return [
    ...DENO_RUN,
    ...["--no-lock", `--config=${REPOSITORY}deno.json`, ...flags],
    `data:application/typescript;base64,${btoa(source)}`,
  ];
}

const DENO_VARIABLES = [
  ...["HOME", "DENO_DIR", "DENORT_BIN"],
  // Those of toolchain/README.md, section "Behind a proxy".
  ...["HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "DENO_TLS_CA_STORE"],
  "NPM_CONFIG_REGISTRY",
];

/** The variables that Deno needs to start, and to download. */
export function denoEnv(): Record<string, string> {
  const set = DENO_VARIABLES.map((name) => [name, Deno.env.get(name)])
    .filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(set), NO_COLOR: "1" };
}

/** Runs a script to its end, with variables besides those of {@linkcode denoEnv}. */
export async function runScript(
  script: string,
  options: { flags?: string[]; env?: Record<string, string> } = {},
): Promise<Finished> {
  const [program, ...args] = scriptCommand(script, options.flags ?? []);
  return await run(program!, args, { env: { ...denoEnv(), ...options.env } });
}
