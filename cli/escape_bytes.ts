import { escapeControl } from "../mod.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The replacement of decoders for bytes that are not UTF-8. */
const REPLACEMENT = "\u{fffd}";

/**
 * Returns bytes of a peer as text on one line that cannot control a terminal: control
 * characters and backslashes are escaped as in C (`\n`, `\x1b`, `\u{202e}`), bytes that
 * are not UTF-8 as `\xff`.
 *
 * @param limit The most characters to return, before escaping.
 * @returns The text, and whether it is cut.
 */
export function escapeBytes(
  bytes: Uint8Array,
  limit = Infinity,
): { text: string; cut: boolean } {
  // A character has at most four bytes, and an invalid byte counts as one.
  const head = bytes.subarray(0, Math.min(bytes.length, limit * 4));
  const text = decoder.decode(head);
  if (isPlain(text, head.length)) {
    return { text: text.slice(0, limit), cut: bytes.length > limit };
  }
  const isUtf8 = !text.includes(REPLACEMENT);
  if (isUtf8 && bytes.length <= limit) {
    return { text: text.replaceAll(NOT_PLAIN, escapeCharacter), cut: false };
  }
  const pieces = isUtf8 ? [...text] : characters(head);
  const shown = pieces.slice(0, limit);
  return {
    text: shown.map(escapeCharacter).join(""),
    cut: head.length < bytes.length || shown.length < pieces.length,
  };
}

/**
 * Returns whether text decoded from `bytes` bytes is printable ASCII without quotes and
 * backslashes, which needs no escaping. JSON escapes all other ASCII, and is faster than
 * a regular expression.
 */
export function isPlain(text: string, bytes: number): boolean {
  return text.length === bytes && !text.includes(REPLACEMENT) &&
    !text.includes(DELETE) &&
    JSON.stringify(text).length === bytes + '""'.length;
}

const DELETE = "\x7f";

/** Everything but printable ASCII, and the backslash. */
const NOT_PLAIN = /[^ -[\]-~]/gu;

function escapeCharacter(character: string): string {
  // Invalid bytes are already escaped.
  const isEscape = character.length === 4 && character.startsWith("\\x");
  if (isEscape) return character;
  return character === "\\" ? "\\\\" : escapeControl(character);
}

/** Returns the characters of partly invalid UTF-8; each invalid byte is escaped. */
function characters(bytes: Uint8Array): string[] {
  const all: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at]!);
    const sequence = bytes.subarray(at, at + length);
    const character = decoder.decode(sequence);
    if (sequence.length === length && isValid(sequence, character)) {
      all.push(character);
      at += length;
    } else {
      all.push(`\\x${bytes[at]!.toString(16).padStart(2, "0")}`);
      at += 1;
    }
  }
  return all;
}

/** Whether a sequence is valid, and not replaced by the decoder. */
function isValid(sequence: Uint8Array, character: string): boolean {
  return sequence.length > 0 &&
    (!character.startsWith(REPLACEMENT) || `${sequence}` === "239,191,189");
}

/** Returns the length of the UTF-8 sequence that starts with this byte; 0 if none. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}
