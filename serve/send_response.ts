import type { ServerResponse } from "node:http";

/** About this connection, not about the content: how to frame that is ours. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

type Chunk = ReadableStreamReadResult<unknown>;

const NOT_YET = Symbol();

/**
 * Sends a response. The next chunk of its body is read when the socket has room
 * for it. Resolves early when the client is gone: the body is cancelled then.
 *
 * @param close Whether this is the last response on its connection.
 * @throws What the body of the response threw, or a `TypeError` when it cannot
 * be sent. If `outgoing.headersSent`, the response is cut off half-way.
 */
export async function sendResponse(
  response: Response,
  outgoing: ServerResponse,
  close: boolean,
): Promise<void> {
  if (response.bodyUsed || response.body?.locked) {
    throw new TypeError("Cannot send a Response whose body was read");
  }
  const head = (length?: number) =>
    writeHead(response, outgoing, close, length);
  if (response.body === null || outgoing.req.method === "HEAD") {
    head();
    outgoing.end();
    response.body?.cancel().catch(() => {});
    return;
  }
  const reader = response.body.getReader();
  const gone = () => reader.cancel(clientGone()).catch(() => {});
  outgoing.once("close", gone);
  try {
    await sendBody(reader, outgoing, head);
  } finally {
    outgoing.off("close", gone);
    reader.cancel().catch(() => {});
  }
}

/** What the source of a body is told when nobody wants it any more. */
export function clientGone(): Error {
  return new Deno.errors.Interrupted("The client is gone");
}

async function sendBody(
  reader: ReadableStreamDefaultReader<unknown>,
  outgoing: ServerResponse,
  head: (length?: number) => void,
): Promise<void> {
  let reading = reader.read();
  const first = await ifThere(reading);
  if (first === NOT_YET) {
    head();
    // The client is to know what comes, however long it takes to come.
    outgoing.flushHeaders();
  } else if (!first.done) {
    const bytes = toBytes(first);
    reading = reader.read();
    const second = await ifThere(reading);
    if (second !== NOT_YET && second.done) {
      // All there is: its length can be told, and one packet will do.
      head(bytes.length);
      outgoing.end(bytes);
      return;
    }
    head();
    await write(outgoing, bytes);
  } else {
    head(0);
  }
  for (let chunk: Chunk; !(chunk = await reading).done;) {
    await write(outgoing, toBytes(chunk));
    if (outgoing.destroyed) return;
    reading = reader.read();
  }
  if (!outgoing.destroyed) outgoing.end();
}

/**
 * The result of a read when it takes no waiting, as for a body of text: such a
 * one is there after a few turns of the microtask queue. A read that fails later
 * counts as handled: it still fails when it is awaited.
 */
async function ifThere(
  reading: Promise<Chunk>,
): Promise<Chunk | typeof NOT_YET> {
  let isThere = false;
  const arrive = () => isThere = true;
  reading.then(arrive, arrive);
  for (let turn = 0; turn < 8 && !isThere; turn++) await undefined;
  return isThere ? await reading : NOT_YET;
}

function toBytes({ value }: Chunk): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError("Cannot send a body whose chunks are not Uint8Array");
}

/** Writes a chunk, and waits until there is room for another. */
function write(outgoing: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (outgoing.write(bytes) || outgoing.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}

function writeHead(
  response: Response,
  outgoing: ServerResponse,
  close: boolean,
  length?: number,
): void {
  // A length that the body does not keep would spoil the next response.
  outgoing.strictContentLength = true;
  const { headers } = response;
  for (const [name, value] of headers) {
    if (!HOP_BY_HOP.includes(name)) outgoing.appendHeader(name, value);
  }
  if (length !== undefined && !headers.has("content-length")) {
    outgoing.setHeader("content-length", length);
  }
  if (close || /\bclose\b/i.test(headers.get("connection") ?? "")) {
    outgoing.setHeader("connection", "close");
  }
  outgoing.writeHead(response.status, response.statusText || undefined);
}
