import { utf8Slice } from "../cli/buffer_slices.ts";
import { escapeBytes, isPlain } from "../cli/escape_bytes.ts";

/** How many characters of what was received a line shows. */
const SHOWN_CHARACTERS = 128;

const NEWLINE = 0x0a;

/**
 * Returns the line for what was received: as text, without a trailing newline,
 * escaped so that a peer cannot forge lines, and with its length where it is
 * cut.
 */
export function recvLine(chunk: Uint8Array): string {
  const { length } = chunk;
  const end = chunk[length - 1] === NEWLINE ? length - 1 : length;
  // What nearly every line is has a way of its own: it is most of what logging costs.
  if (end <= SHOWN_CHARACTERS) {
    const text = utf8Slice(chunk, 0, end);
    if (isPlain(text, end)) return `server recv: ${text}`;
  }
  const { text, cut } = escapeBytes(chunk.subarray(0, end), SHOWN_CHARACTERS);
  return cut
    ? `server recv: ${text}... (${length} bytes)`
    : `server recv: ${text}`;
}
