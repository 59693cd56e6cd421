/** The most bytes that one pull of a readable stream reads. */
const CHUNK_BYTES = 64 * 1024;

type Reader = Pick<Deno.Conn, "read">;
type Writer = Pick<Deno.Conn, "write" | "closeWrite">;

/**
 * Returns a byte stream of the received bytes, which reads only when pulled.
 *
 * @param onDone Called after the last read.
 */
export function connReadable(
  conn: Reader,
  onDone: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: CHUNK_BYTES,
    async pull(controller) {
      const request = controller.byobRequest!;
      const count = await readOrDone(conn, request.view as Uint8Array, onDone);
      if (count === null) {
        controller.close();
        request.respond(0);
        onDone();
      } else {
        request.respond(count);
      }
    },
    cancel: onDone,
  });
}

async function readOrDone(
  conn: Reader,
  into: Uint8Array,
  onDone: () => void,
): Promise<number | null> {
  try {
    return await conn.read(into);
  } catch (error) {
    onDone();
    throw error;
  }
}

/**
 * Returns a stream that sends one chunk at a time: it takes the next one when the
 * kernel has taken the one before. Closing the stream shuts down the write side.
 *
 * @param onDone Called after the last write.
 */
export function connWritable(
  conn: Writer,
  onDone: () => void,
): WritableStream<Uint8Array<ArrayBufferLike>> {
  return new WritableStream({
    async write(chunk) {
      try {
        await conn.write(chunk);
      } catch (error) {
        onDone();
        throw error;
      }
    },
    async close() {
      await conn.closeWrite();
      onDone();
    },
    abort: onDone,
  });
}
