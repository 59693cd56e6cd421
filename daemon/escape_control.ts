const NAMED: Record<string, string> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/**
 * Characters that could end a line, move a terminal's cursor, or reverse text: control,
 * format, separator, private-use and unassigned ones.
 */
const UNSAFE = "[\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}\\p{Cs}\\p{Zl}\\p{Zp}]";

/** Compiled on first use: for a literal, V8 loads the Unicode properties at start. */
let unsafe: RegExp | undefined;

/**
 * Escapes control characters as in C (`\n`, `\x1b`, `\u{202e}`), so that the text stays
 * on one line and cannot control a terminal. Backslashes are kept: to make the result
 * unambiguous, double them first.
 *
 * @param text The text of an untrusted source.
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
