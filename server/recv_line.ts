import { utf8Slice } from "../runtime/buffer_slices.ts";
import { escapeBytes, isPlain } from "../cli/escape_bytes.ts";

/** The most characters of a chunk in a line. */
const SHOWN_CHARACTERS = 128;

const NEWLINE = 0x0a;

/**
 * Returns the log line of a chunk: its text without a trailing newline, escaped so that
 * a peer cannot forge lines, and with its length if it is cut. The mark of a cut, `\...`,
 * cannot occur in escaped text.
 */
export function recvLine(chunk: Uint8Array): string {
  const { length } = chunk;
  const end = chunk[length - 1] === NEWLINE ? length - 1 : length;
  // The fast path of nearly every line.
  if (end <= SHOWN_CHARACTERS) {
    const text = utf8Slice(chunk, 0, end);
    if (isPlain(text, end)) return `server recv: ${text}`;
  }
  const { text, cut } = escapeBytes(chunk.subarray(0, end), SHOWN_CHARACTERS);
  return cut
    ? `server recv: ${text}\\... (${length} bytes)`
    : `server recv: ${text}`;
}
