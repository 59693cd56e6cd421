import type { IncomingMessage } from "node:http";

/** A request that has no `Request` object, and the status of its response. */
export class RefusedRequest extends Error {
  readonly status: 400 | 501;

  constructor(status: 400 | 501, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** The Fetch standard allows no bodies with the first, and forbids the second. */
const WITHOUT_BODY = ["GET", "HEAD"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** The host of a request without a valid `Host`. */
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
  if (FORBIDDEN.includes(method)) {
    throw new RefusedRequest(501, `the method "${method}" is not supported`);
  }
  const body = hasBody(message)
    ? requestBody(message, options.onFirstRead)
    : null;
  const init: RequestInit & { duplex: "half" } = {
    method,
    body,
    duplex: "half",
    signal: options.signal,
  };
  const url = requestUrl(message, options.secure);
  try {
    const headers = toHeaders(message.rawHeaders);
    // Deno allows credentials in the URL, which the Fetch standard does not.
    const { username, password } = new URL(url);
    if (username + password === "") {
      return new Request(url, { ...init, headers });
    }
  } catch (cause) {
    throw new RefusedRequest(400, (cause as Error).message);
  }
  throw new RefusedRequest(400, `the target "${message.url}" has credentials`);
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
  const cookie = headers.get("cookie");
  // Several lines of this header are joined with "; " (RFC 9113, section 8.2.3).
  if (cookie?.includes(", ")) {
    const lines = raw.filter((_, i) =>
      i % 2 === 1 && raw[i - 1]!.toLowerCase() === "cookie"
    );
    headers.set("cookie", lines.join("; "));
  }
  return headers;
}

/**
 * Returns the URL of a request target: `/path`, a whole URL, or `*` (RFC 9112, section
 * 3.2).
 */
function requestUrl(message: IncomingMessage, secure: boolean): string {
  const target = message.url ?? "";
  const isAsterisk = target === "*" && message.method === "OPTIONS";
  const isPath = target.startsWith("/");
  const isUrl = /^https?:\/\//i.test(target) && URL.canParse(target);
  const hosts = message.headersDistinct.host ?? [];
  if (!isAsterisk && !isPath && !isUrl) {
    throw new RefusedRequest(
      400,
      `the target "${target}" is not a path or a URL`,
    );
  }
  if (hosts.length > 1) throw new RefusedRequest(400, "it has several hosts");
  if (isUrl) return target;
  // Not parsed as a relative reference, in which `//x` is another host.
  const path = isAsterisk ? "/*" : target;
  const scheme = secure ? "https" : "http";
  const url = `${scheme}://${hosts[0]}${path}`;
  // Clients of unix sockets may send a path as the host.
  return AUTHORITY.test(hosts[0] ?? "") && URL.canParse(url)
    ? url
    : `${scheme}://${DEFAULT_HOST}${path}`;
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
