const NAMED: Record<string, string> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/**
 * Characters that could end a line, move a terminal's cursor, or turn the
 * direction of text: control, format, separator and unassigned ones.
 */
const UNSAFE = "[\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}]";

/** No literal: V8 would look the properties up whenever it loads this module. */
let unsafe: RegExp | undefined;

/**
 * Renders text so that it stays on one line and means nothing to a terminal:
 * control characters are escaped as in C (`\n`, `\x1b`, `\u{202e}`). Backslashes
 * stay: where a text must not be able to look like an escape, double them first.
 *
 * @param text What somebody else wrote.
 * @returns The text on one line.
 *
 * @example
 * ```ts
 * import { escapeControl } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(escapeControl("two\nlines"), "two\\nlines");
 * ```
 */
export function escapeControl(text: string): string {
  unsafe ??= new RegExp(UNSAFE, "gu");
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0)!;
    return NAMED[character] ??
      (code < 0x100
        ? `\\x${code.toString(16).padStart(2, "0")}`
        : `\\u{${code.toString(16)}}`);
  });
}
