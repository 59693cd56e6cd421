import { takeResponse } from "../runtime/fetch_objects.ts";
import type { Exchange } from "./_exchange.ts";
import { clientGone } from "./_exchange_info.ts";
import { REASONS } from "./_statuses.ts";
import { encode } from "./_send_parts.ts";

const CRLF = "\r\n";

/** Headers about the connection, which the service sets. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The kinds of headers, by name. Programs use few names, always the same. */
const kinds = new Map<string, string>();
const KINDS_MAX = 1_000;

function kindOf(name: string): string {
  const key = name.toLowerCase();
  const isOwn = key === "connection" || !HOP_BY_HOP.has(key);
  const kind = isOwn ? key : "hop-by-hop";
  if (kinds.size < KINDS_MAX) kinds.set(name, kind);
  return kind;
}

/** Responses without a body have no length either (RFC 9110, section 8.6). */
const WITHOUT_LENGTH = [204, 304];

/** The result of reading a body: its end, or a chunk, which should be bytes. */
export type Read = ReadableStreamReadResult<unknown>;

/**
 * Sends a response: every response of the parser server, also those to bytes that are no
 * request. Reads the next chunk of its body when the socket has room for it.
 *
 * @returns Undefined when all of it was sent at once.
 * @throws The error of the body, or a `TypeError` when the response cannot be sent. If
 * `exchange.isHeadSent`, the response is incomplete. The promise also rejects when the
 * client has gone.
 */
export function sendResponse(
  response: Response,
  exchange: Exchange,
): Promise<void> | undefined {
  const { method, httpVersion } = exchange.head;
  const isHead = method === "HEAD";
  const { status, headers, body, isDecoded } = takeResponse(response);
  const bytes = typeof body === "string" ? encode(body) : body;

  let lines = "";
  let hasDate = false;
  let announced: number | undefined;
  for (let i = 0; i < headers.length; i++) {
    const [name, value] = headers[i]!;
    switch (kinds.get(name) ?? kindOf(name)) {
      case "content-length":
        if (!isDecoded && /^\d{1,15}$/.test(value)) announced = Number(value);
        continue;
      case "connection":
        exchange.isLast ||= /\bclose\b/i.test(value);
        continue;
      case "hop-by-hop":
        continue;
      case "content-encoding":
        if (isDecoded) continue;
        break;
      case "date":
        hasDate = true;
    }
    lines += `${name}: ${value}${CRLF}`;
  }

  // A stream is made of a body in memory when this is read.
  const stream = bytes === undefined ? response.body : null;
  const length = WITHOUT_LENGTH.includes(status)
    ? undefined
    : isHead
    ? announced ?? bytes?.length ?? (stream === null ? 0 : undefined)
    : bytes?.length ?? (stream === null ? 0 : announced);
  const isEndless = stream !== null && !isHead && length === undefined;
  const isChunked = isEndless && httpVersion !== "1.0";
  if (length !== undefined) lines += `content-length: ${length}${CRLF}`;
  if (isChunked) lines += `transfer-encoding: chunked${CRLF}`;
  else if (isEndless) exchange.isLast = true;
  if (!hasDate) lines += `date: ${currentDate()}${CRLF}`;
  exchange.isLast ||= exchange.connection.isStopping;
  if (!exchange.isLast) lines += exchange.connection.keepAlive;
  // Each version of HTTP states only the value that is not its default.
  if (exchange.isLast === (httpVersion !== "1.0")) {
    lines += `connection: ${exchange.isLast ? "close" : "keep-alive"}${CRLF}`;
  }

  const version = httpVersion === "1.0" ? "1.0" : "1.1";
  exchange.begin(
    `HTTP/${version} ${status} ${REASONS[status] ?? ""}${CRLF}${lines}${CRLF}`,
    { length: isHead ? 0 : length, isChunked },
  );
  if (stream === null) return exchange.end(isHead ? undefined : bytes);
  if (!isHead) return sendStream(stream, exchange);
  if (stream.locked) {
    throw new TypeError("Cannot send a Response whose body was already read");
  }
  stream.cancel().catch(() => {});
  return exchange.end();
}

async function sendStream(
  stream: ReadableStream,
  exchange: Exchange,
): Promise<void> {
  const reader: ReadableStreamDefaultReader<unknown> = stream.getReader();
  const cancel = (reason?: Error) => reader.cancel(reason).catch(() => {});
  exchange.client.onDisconnect(() => cancel(clientGone()));
  try {
    let reading = reader.read();
    // The first chunk may take long: the client gets the headers now.
    if (!await isAvailable(reading)) await exchange.flush();
    for (let chunk: Read; !(chunk = await reading).done;) {
      const sending = exchange.write(toBytes(chunk));
      if (sending !== undefined) await sending;
      reading = reader.read();
    }
    if (!exchange.client.isGone) await exchange.end();
  } finally {
    cancel();
  }
}

/** @throws {TypeError} The chunk is not bytes. */
export function toBytes({ value }: Read): Uint8Array<ArrayBuffer> {
  if (value instanceof Uint8Array) return value as Uint8Array<ArrayBuffer>;
  throw new TypeError("Cannot send a body whose chunks are not Uint8Array");
}

/**
 * Whether a read needs no waiting, such as of a body of text, which is available after a
 * few turns of the microtask queue. A later failure counts as handled, and is still
 * thrown when the read is awaited.
 */
export async function isAvailable(
  reading: Promise<Read>,
): Promise<boolean> {
  let isSettled = false;
  const onSettled = () => isSettled = true;
  reading.then(onSettled, onSettled);
  for (let turn = 0; turn < 8 && !isSettled; turn++) await undefined;
  return isSettled;
}

let date = "";
let dateSecond = 0;

/** Returns the value of the `Date` header, which changes once a second. */
function currentDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(now).toUTCString();
  }
  return date;
}
