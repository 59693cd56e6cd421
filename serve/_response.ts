import { Buffer } from "node:buffer";
import { completeBody } from "../runtime/fetch_objects.ts";
import type { Outgoing } from "./_exchange.ts";

/** Headers about the connection, which `node:http` sets. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Responses without a body have no length either (RFC 9110, section 8.6). */
const WITHOUT_LENGTH = [204, 304];

type Chunk = ReadableStreamReadResult<unknown>;

/** A chunk that is not available yet. */
const PENDING = Symbol();

/**
 * Sends a response. Reads the next chunk of its body when the socket has room for it.
 * When the client has gone, cancels the body and resolves.
 *
 * @param close Whether this is the last response on its connection.
 * @returns Undefined when the whole body is in memory: it was sent at once.
 * @throws The error of the body, or a `TypeError` when the response cannot be sent. If
 * `outgoing.headersSent`, the response is incomplete.
 */
export function sendResponse(
  response: Response,
  outgoing: Outgoing,
  close: boolean,
): Promise<void> | undefined {
  const body = completeBody(response);
  if (body === undefined) return sendStream(response, outgoing, close);
  writeHead(response, outgoing, close, Buffer.byteLength(body));
  outgoing.end(outgoing.req.method === "HEAD" ? undefined : body);
}

async function sendStream(
  response: Response,
  outgoing: Outgoing,
  close: boolean,
): Promise<void> {
  const head = (length?: number) =>
    writeHead(response, outgoing, close, length);
  if (response.body?.locked) {
    throw new TypeError("Cannot send a Response whose body was already read");
  }
  if (response.body === null) {
    head(WITHOUT_LENGTH.includes(response.status) ? undefined : 0);
    outgoing.end();
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

/** Returns the reason with which the body of a response is cancelled. */
export function clientGone(): Error {
  return new Deno.errors.Interrupted("The client has gone");
}

async function sendBody(
  reader: ReadableStreamDefaultReader<unknown>,
  outgoing: Outgoing,
  head: (length?: number) => void,
): Promise<void> {
  const isHead = outgoing.req.method === "HEAD";
  let reading = reader.read();
  const first = await ifAvailable(reading);
  if (first === PENDING) {
    head();
    // The first chunk may take long; the client gets the headers now.
    outgoing.flushHeaders();
  } else if (!first.done) {
    const bytes = toBytes(first);
    reading = reader.read();
    const second = await ifAvailable(reading);
    if (second !== PENDING && second.done) {
      // The whole body: its length is known, and one packet is enough.
      head(bytes.length);
      outgoing.end(isHead ? undefined : bytes);
      return;
    }
    head();
    if (!isHead) await write(outgoing, bytes);
  } else {
    head(0);
  }
  if (isHead) {
    outgoing.end();
    return;
  }
  for (let chunk: Chunk; !(chunk = await reading).done;) {
    await write(outgoing, toBytes(chunk));
    if (outgoing.destroyed) return;
    reading = reader.read();
  }
  if (!outgoing.destroyed) outgoing.end();
}

/**
 * Returns the result of a read that needs no waiting, such as of a body of text, which
 * is available after a few turns of the microtask queue. A later failure counts as
 * handled, and is still thrown when the read is awaited.
 */
async function ifAvailable(
  reading: Promise<Chunk>,
): Promise<Chunk | typeof PENDING> {
  let isAvailable = false;
  const onSettled = () => isAvailable = true;
  reading.then(onSettled, onSettled);
  for (let turn = 0; turn < 8 && !isAvailable; turn++) await undefined;
  return isAvailable ? await reading : PENDING;
}

function toBytes({ value }: Chunk): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError("Cannot send a body whose chunks are not Uint8Array");
}

/** Writes a chunk, and waits until the socket has room for another. */
function write(outgoing: Outgoing, bytes: Uint8Array): Promise<void> {
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
  outgoing: Outgoing,
  close: boolean,
  length?: number,
): void {
  const isHead = outgoing.req.method === "HEAD";
  // A wrong length would corrupt the next response.
  outgoing.strictContentLength = !isHead;
  const { headers } = response;
  // Three times as fast as "for of".
  headers.forEach((value, name) => {
    if (!HOP_BY_HOP.includes(name)) outgoing.appendHeader(name, value);
  });
  const announced = headers.get("content-length");
  if (length !== undefined) {
    if (announced !== null && Number(announced) !== length && !isHead) {
      throw new TypeError(
        `Cannot send a body of ${length} bytes with "content-length: ${announced}"`,
      );
    }
    if (announced === null) outgoing.setHeader("content-length", length);
  }
  if (close || /\bclose\b/i.test(headers.get("connection") ?? "")) {
    outgoing.setHeader("connection", "close");
  }
  outgoing.writeHead(response.status, response.statusText || undefined);
}
