import { escapeBytes } from "../cli/escape_bytes.ts";

/** How many characters of what was received a line shows. */
const SHOWN_CHARACTERS = 128;

const NEWLINE = 0x0a;

/**
 * Returns the line for what was received: as text, without a trailing newline,
 * escaped so that a peer cannot forge lines, and with its length where it is
 * cut.
 */
export function recvLine(chunk: Uint8Array): string {
  const end = chunk.length - 1;
  const body = chunk[end] === NEWLINE ? chunk.subarray(0, end) : chunk;
  const { text, cut } = escapeBytes(body, SHOWN_CHARACTERS);
  return cut
    ? `server recv: ${text}... (${chunk.length} bytes)`
    : `server recv: ${text}`;
}
