import { utf8Slice } from "../cli/buffer_slices.ts";
import { escapeBytes, isPlain } from "../cli/escape_bytes.ts";

/** How many characters of what was received a line shows. */
const SHOWN_CHARACTERS = 128;

const NEWLINE = 0x0a;

/**
 * Returns the line for what was received: as text, without a trailing newline,
 * escaped so that a peer cannot forge lines, and with its length where it is
 * cut. The mark of a cut begins with a backslash, which the text has only in
 * escapes, and in none of them before a dot.
 *
 * @param label Precedes the text.
 */
export function recvLine(chunk: Uint8Array, label = ""): string {
  const { length } = chunk;
  const end = chunk[length - 1] === NEWLINE ? length - 1 : length;
  // What nearly every line is has a way of its own: it is most of what logging costs.
  if (end <= SHOWN_CHARACTERS) {
    const text = utf8Slice(chunk, 0, end);
    if (isPlain(text, end)) return `server recv: ${label}${text}`;
  }
  const { text, cut } = escapeBytes(chunk.subarray(0, end), SHOWN_CHARACTERS);
  return cut
    ? `server recv: ${label}${text}\\... (${length} bytes)`
    : `server recv: ${label}${text}`;
}
