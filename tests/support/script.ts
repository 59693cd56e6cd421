/** Small programs that use the library, run with exactly the given permissions. */

import * as mod from "../../mod.ts";
import { DENO_RUN } from "./deno_run.ts";
import { type Finished, run } from "./program.ts";

const EXPORTS = Object.keys(mod);
const MOD = new URL("../../mod.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Options for a script. */
export interface ScriptOptions {
  /** Permission flags. */
  flags?: string[];
  /** Variables besides those of {@linkcode denoEnv}. */
  env?: Record<string, string>;
}

/**
 * Returns the command line that runs a script, in which the exports of `mod.ts`
 * can be used by name.
 */
export function scriptCommand(script: string, flags: string[]): string[] {
  const source = `
    import { ${EXPORTS.join(", ")} } from ${JSON.stringify(MOD)};
    ${script}`;
  return [
    ...DENO_RUN,
    ...["--no-lock", `--config=${CONFIG}`, ...flags],
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

/** Runs a script to its end. */
export async function runScript(
  script: string,
  { flags = [], env = {} }: ScriptOptions = {},
): Promise<Finished> {
  const [program, ...args] = scriptCommand(script, flags);
  return await run(program!, args, { env: { ...denoEnv(), ...env } });
}
