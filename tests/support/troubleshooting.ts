/** The messages of docs/troubleshooting.md. */

import { assert } from "@std/assert";
import { REPOSITORY } from "./program.ts";

/** Those that take systemd: `tests/system/troubleshooting_test.ts` produces them. */
export const BY_SYSTEMD = {
  timeout: "start operation timed out. Terminating.",
  jit: "Check failed: 12 == (*__errno_location ())",
  colours: '"MESSAGE":[27,91,',
  vanished: "No such file or directory (os error 2)",
};

/** Returns the messages of the page, which are its third headings. */
export async function pageMessages(): Promise<string[]> {
  const page = await Deno.readTextFile(`${REPOSITORY}docs/troubleshooting.md`);
  return [...page.matchAll(/^### `(.*)`$/gm)].map(([, message]) => message!);
}

/** Checks that a text has a message, in which `…` stands for any text. */
export function assertHas(text: string, message: string): void {
  const pattern = message.split("…").map((part) => RegExp.escape(part));
  assert(new RegExp(pattern.join(".+")).test(text), `"${message}": ${text}`);
}
