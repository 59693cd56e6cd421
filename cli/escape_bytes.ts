import { escapeControl } from "../mod.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

/**
 * Renders bytes from a peer as text that stays on one line and means nothing to
 * a terminal: control characters and backslashes are escaped as in C (`\n`,
 * `\x1b`, `\u{202e}`), bytes that are not UTF-8 as `\xff`.
 *
 * @param limit How many characters of the bytes' text to render at most.
 * @returns The rendering, and whether something was left out.
 */
export function escapeBytes(
  bytes: Uint8Array,
  limit = Infinity,
): { text: string; cut: boolean } {
  const plain = bytes.length <= limit ? plainText(bytes) : undefined;
  if (plain !== undefined) return { text: plain, cut: false };
  // A character has at most four bytes, and an invalid byte counts as one.
  const head = bytes.subarray(0, Math.min(bytes.length, limit * 4));
  const pieces = isUtf8(head) ? [...decoder.decode(head)] : characters(head);
  const shown = pieces.slice(0, limit);
  return {
    text: shown.map(escapeCharacter).join(""),
    cut: head.length < bytes.length || shown.length < pieces.length,
  };
}

/** Printable ASCII, but for the backslash: what most text is, and stays. */
const PLAIN = /^[ -[\]-~]*$/;

function plainText(bytes: Uint8Array): string | undefined {
  const text = decoder.decode(bytes);
  return PLAIN.test(text) ? text : undefined;
}

function escapeCharacter(character: string): string {
  // An invalid byte comes as its own escape already.
  const isEscape = character.length === 4 && character.startsWith("\\x");
  if (isEscape) return character;
  return character === "\\" ? "\\\\" : escapeControl(character);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The characters of bytes that are not all UTF-8; each invalid byte by itself. */
function characters(bytes: Uint8Array): string[] {
  const all: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]!);
    const sequence = bytes.subarray(at, at + length);
    if (length > 0 && sequence.length === length && isUtf8(sequence)) {
      all.push(decoder.decode(sequence));
      at += length;
    } else {
      all.push(`\\x${bytes[at]!.toString(16).padStart(2, "0")}`);
      at += 1;
    }
  }
  return all;
}

/** How long the UTF-8 sequence is that starts with this byte; 0 if none does. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}
