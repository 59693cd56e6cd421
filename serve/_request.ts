import type { IncomingMessage } from "node:http";

/** A request that has no `Request` object, and the status of its response. */
export class RefusedRequest extends Error {
  readonly status: 400 | 501;

  constructor(status: 400 | 501) {
    super(`Cannot handle the request: status ${status}`);
    this.status = status;
  }
}

/** The Fetch standard allows no bodies with the first, and forbids the second. */
const WITHOUT_BODY = ["GET", "HEAD"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** The host of a request of HTTP/1.0, which needs no `Host`. */
const DEFAULT_HOST = "localhost";

/** A host with an optional port, without characters that start a path. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::[0-9]*)?$/i;

/** Options for {@linkcode toRequest}. */
export interface ToRequestOptions {
  /** Whether the connection uses TLS. */
  secure: boolean;
  /** Aborted when the client has closed the connection. */
  signal: AbortSignal;
  /** Called when the handler reads the body for the first time. */
  onFirstRead: () => void;
}

/**
 * Returns the `Request` of a message of `node:http`.
 *
 * @throws {RefusedRequest} The message cannot be a `Request`.
 */
export function toRequest(
  message: IncomingMessage,
  options: ToRequestOptions,
): Request {
  const method = message.method ?? "";
  if (FORBIDDEN.includes(method)) throw new RefusedRequest(501);
  const body = hasBody(message)
    ? requestBody(message, options.onFirstRead)
    : null;
  const init: RequestInit & { duplex: "half" } = {
    method,
    body,
    duplex: "half",
    signal: options.signal,
  };
  try {
    const headers = toHeaders(message.rawHeaders);
    const url = requestUrl(message, options.secure);
    // The URL of a Request must have no credentials.
    if (url.username === "" && url.password === "") {
      return new Request(url, { ...init, headers });
    }
  } catch {
    // A TypeError of an invalid URL or header.
  }
  throw new RefusedRequest(400);
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  if (WITHOUT_BODY.includes(method ?? "")) return false;
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined ||
    (length !== undefined && Number(length) > 0);
}

function toHeaders(raw: string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
  return headers;
}

/**
 * Returns the URL of a request target: `/path`, a whole URL, or `*` (RFC 9112, section
 * 3.2).
 */
function requestUrl(message: IncomingMessage, secure: boolean): URL {
  const target = message.url ?? "";
  if (/^https?:\/\//i.test(target)) return new URL(target);
  const isAsterisk = target === "*" && message.method === "OPTIONS";
  if (!target.startsWith("/") && !isAsterisk) throw new RefusedRequest(400);
  const [host, ...others] = message.headersDistinct.host ?? [];
  const authority = host || DEFAULT_HOST;
  if (others.length > 0 || !AUTHORITY.test(authority)) {
    throw new RefusedRequest(400);
  }
  // Not parsed as a relative reference, in which `//x` is another host.
  const path = isAsterisk ? "/*" : target;
  return new URL(`${secure ? "https" : "http"}://${authority}${path}`);
}

/**
 * Returns the body of a request as a byte stream, which reads the message only when
 * pulled: until then, the client waits.
 *
 * @param onFirstRead Called before the first read.
 */
export function requestBody(
  message: IncomingMessage,
  onFirstRead: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let changed = Promise.withResolvers<void>();
  let isFirst = true;

  const start = () => {
    isFirst = false;
    onFirstRead();
    for (const event of ["readable", "end", "error", "close"]) {
      message.on(event, () => changed.resolve());
    }
  };

  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      if (isFirst) start();
      for (;;) {
        changed = Promise.withResolvers();
        const chunk: Uint8Array | null = message.read();
        if (chunk !== null) {
          // A copy: the chunk may share memory with the next one.
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
            "Cannot read the request: the client has gone, or has its response",
          );
        }
        await changed.promise;
      }
    },
  });
}

/** The time in which a client must finish a request that has its response. */
const LINGER_MS = 5_000;

/**
 * Discards the rest of a request, so that the next one on the connection can be read.
 * Closes the connection of a client that does not finish in time.
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
