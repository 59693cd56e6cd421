import type { IncomingMessage } from "node:http";

/**
 * The body of a request as a stream of bytes. Nothing is taken from the message
 * before the stream is read; until then, the client waits.
 *
 * @param onFirstRead Called before the first read.
 */
export function requestBody(
  message: IncomingMessage,
  onFirstRead: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let changed = Promise.withResolvers<void>();
  let isFirst = true;

  const watch = () => {
    isFirst = false;
    onFirstRead();
    for (const event of ["readable", "end", "error", "close"]) {
      message.on(event, () => changed.resolve());
    }
  };

  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      if (isFirst) watch();
      for (;;) {
        changed = Promise.withResolvers();
        const chunk: Uint8Array | null = message.read();
        if (chunk !== null) {
          // A copy: what the parser gave may share its memory with what follows.
          controller.enqueue(new Uint8Array(chunk));
          return;
        }
        if (message.readableEnded) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        if (message.destroyed) {
          throw new Deno.errors.ConnectionAborted(
            "Cannot read the request: the client is gone, or was answered",
          );
        }
        await changed.promise;
      }
    },
  });
}

/** How long a client that was answered may go on with its request. */
const LINGER_MS = 5_000;

/**
 * Lets the rest of a request pass by unread, so that the next one on the same
 * connection can be heard. A client that does not come to an end is cut off.
 */
export function discardRest(message: IncomingMessage): void {
  if (message.readableEnded) return;
  const { socket } = message;
  message.removeAllListeners("readable");
  message.resume();
  if (message.complete) return;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  const stop = () => clearTimeout(timer);
  message.on("end", stop);
  message.on("close", stop);
}
