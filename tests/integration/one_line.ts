import { assert, assertEquals } from "@std/assert";

/** Checks that a program wrote one line with these parts, and no stack trace. */
export function assertOneLine(
  program: string,
  stderr: string,
  ...says: string[]
): void {
  assertEquals(stderr.split("\n").length, 2, `not one line: ${stderr}`);
  assert(stderr.startsWith(`${program}: `), stderr);
  assert(stderr.endsWith("\n"), stderr);
  assertEquals(/Uncaught|\bat \S+:\d+:\d+/.exec(stderr), null, stderr);
  for (const part of says) {
    assert(stderr.includes(part), `"${part}" is not in: ${stderr}`);
  }
}
