import type { ChunkConn } from "../activation/_conn.ts";

/** The sizes of the buffers for the head and the body of a small response. */
const HEAD_BYTES = 4 * 1024;
const BODY_BYTES = 16 * 1024;

/** The most bytes that wait in the runtime while the kernel does not take them. */
const SLICE_BYTES = 256 * 1024;

const encoder = new TextEncoder();

/** The bytes of a small response, until the kernel takes them. */
let scratch = new Uint8Array(HEAD_BYTES + BODY_BYTES);
let bodyRoom = scratch.subarray(HEAD_BYTES);

/** Returns the bytes of a text, which may be valid only until the next call. */
export function encode(text: string): Uint8Array {
  if (text.length * 3 > bodyRoom.length) return encoder.encode(text);
  return bodyRoom.subarray(0, encoder.encodeInto(text, bodyRoom).written);
}

/**
 * Sends a part of a response: at once when it is small, otherwise without copying it.
 *
 * @param head Characters below U+0100: headers have no others.
 * @returns Undefined when the kernel took all of it.
 */
export function sendParts(
  conn: ChunkConn,
  head: string,
  body: Uint8Array,
  tail: string,
): Promise<void> | undefined {
  if (head.length > HEAD_BYTES || body.length + tail.length > BODY_BYTES) {
    return sendSlices(conn, [latin1(head), body, latin1(tail)]);
  }
  const start = HEAD_BYTES - head.length;
  const room = scratch.subarray(start, HEAD_BYTES);
  if (encoder.encodeInto(head, room).read < head.length) room.set(latin1(head));
  if (body.buffer !== scratch.buffer) scratch.set(body, HEAD_BYTES);
  const bodyEnd = HEAD_BYTES + body.length;
  for (let i = 0; i < tail.length; i++) {
    scratch[bodyEnd + i] = tail.charCodeAt(i);
  }
  const sending = conn.writeChunk(
    scratch.subarray(start, bodyEnd + tail.length),
  );
  if (sending === undefined) return undefined;
  scratch = new Uint8Array(scratch.length);
  bodyRoom = scratch.subarray(HEAD_BYTES);
  return sending;
}

async function sendSlices(
  conn: ChunkConn,
  parts: Uint8Array[],
): Promise<void> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      await conn.writeChunk(part.subarray(at, at + SLICE_BYTES));
    }
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
