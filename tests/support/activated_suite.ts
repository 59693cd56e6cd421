/** Suites that run in an activated process: one socket for each case. */

import { assertEquals } from "@std/assert";
import { activate, type ActivateOptions, dial } from "./activate.ts";

/** The time for a case on a busy machine. A case has deadlines of its own. */
const CASE_MS = 5_000;

interface Result {
  name: string;
  error?: string;
}

/** Runs each case, prints its result as a line of JSON, and exits. */
export async function runCases<Case extends { name: string }>(
  cases: readonly Case[],
  run: (each: Case, i: number) => Promise<void>,
): Promise<never> {
  for (const [i, each] of cases.entries()) {
    const result: Result = { name: each.name };
    try {
      await run(each, i);
    } catch (error) {
      result.error = error instanceof Error ? error.stack : `${error}`;
    }
    console.log(JSON.stringify(result));
  }
  Deno.exit();
}

/**
 * Activates a module that calls {@linkcode runCases}, and reports each case as a step.
 * The module is started at the first address, by default by a connection; its
 * arguments are the others.
 */
export async function runActivated(
  t: Deno.TestContext,
  { addresses, start = dial, ...options }: Omit<ActivateOptions, "args"> & {
    addresses: string[];
    start?: (address: string) => Promise<Disposable>;
  },
): Promise<void> {
  const [trigger, ...args] = addresses;
  await using program = await activate({ addresses, args, ...options });
  using _trigger = await start(trigger!);
  await program.exitCode({ within: CASE_MS * addresses.length });
  const results = program.stdout.seen.map((line) => JSON.parse(line) as Result);
  for (const { name, error } of results) {
    await t.step(name, () => assertEquals(error, undefined, error));
  }
  assertEquals(results.length, args.length, program.stderr.seen.join("\n"));
}
