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
export const WITHOUT_BODY = ["GET", "HEAD"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** The host of a request without a valid `Host`. */
const DEFAULT_HOST = "localhost";

/** A host with an optional port, without characters that start a path. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::[0-9]*)?$/i;

/** Whether the client of a request is still there. */
export class ClientState {
  #controller: AbortController | undefined;
  #reason: DOMException | undefined;

  get isGone(): boolean {
    return this.#reason !== undefined;
  }

  /** Aborted when the client has gone. Creating it takes as long as all of a request. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isGone) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Records that the client has closed or half-closed the connection. */
  leave(): void {
    this.#reason ??= new DOMException("The client has gone", "AbortError");
    this.#controller?.abort(this.#reason);
  }
}

/** A request that creates its signal on demand. */
class IncomingRequest extends Request {
  readonly #client: ClientState;

  constructor(
    url: string,
    client: ClientState,
    init: RequestInit & { duplex: "half" },
  ) {
    super(url, init);
    this.#client = client;
  }

  override get signal(): AbortSignal {
    return this.#client.signal;
  }
}

/** Options for {@linkcode toRequest}. */
export interface ToRequestOptions {
  /** Whether the connection uses TLS. */
  secure: boolean;
  client: ClientState;
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
  head: Head,
  options: ToRequestOptions,
): Request {
  const method = message.method ?? "";
  if (FORBIDDEN.includes(method)) {
    throw new RefusedRequest(501, `the method "${method}" is not supported`);
  }
  const hasBody = !WITHOUT_BODY.includes(method) &&
    (head.isChunked || head.contentLength > 0);
  const body = hasBody ? requestBody(message, options.onFirstRead) : null;
  const url = requestUrl(message, head, options.secure);
  try {
    // Deno allows credentials in the URL, which the Fetch standard does not.
    const { username, password } = new URL(url);
    if (username + password === "") {
      return new IncomingRequest(url, options.client, {
        method,
        headers: head.pairs,
        body,
        duplex: "half",
      });
    }
  } catch (cause) {
    throw new RefusedRequest(400, (cause as Error).message);
  }
  throw new RefusedRequest(400, `the target "${message.url}" has credentials`);
}

/** What the service itself reads in the headers of a request. */
export interface Head {
  pairs: [name: string, value: string][];
  /** The only host, or an empty text; undefined when there are several. */
  host: string | undefined;
  isChunked: boolean;
  upgrade: boolean;
  contentLength: number;
}

/** Reads the headers. Several cookies become one (RFC 9113, section 8.2.3). */
export function readHead(raw: string[]): Head {
  const head: Head = {
    ...{ pairs: [], host: "", isChunked: false, upgrade: false },
    contentLength: 0,
  };
  let hosts = 0;
  let cookie: [string, string] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const pair: [string, string] = [raw[i]!, raw[i + 1]!];
    switch (pair[0].toLowerCase()) {
      case "host":
        head.host = ++hosts > 1 ? undefined : pair[1];
        break;
      case "transfer-encoding":
        head.isChunked = true;
        break;
      case "upgrade":
        head.upgrade = true;
        break;
      case "content-length":
        head.contentLength = Number(pair[1]);
        break;
      case "cookie":
        if (cookie === undefined) {
          cookie = pair;
          break;
        }
        cookie[1] += `; ${pair[1]}`;
        continue;
    }
    head.pairs.push(pair);
  }
  return head;
}

/**
 * Returns the URL of a request target: `/path`, a whole URL, or `*` (RFC 9112, section
 * 3.2).
 */
function requestUrl(
  message: IncomingMessage,
  { host }: Head,
  secure: boolean,
): string {
  const target = message.url ?? "";
  const isAsterisk = target === "*" && message.method === "OPTIONS";
  const isPath = target.startsWith("/");
  const isUrl = /^https?:\/\//i.test(target) && URL.canParse(target);
  if (!isAsterisk && !isPath && !isUrl) {
    throw new RefusedRequest(
      400,
      `the target "${target}" is not a path or a URL`,
    );
  }
  if (host === undefined) throw new RefusedRequest(400, "it has several hosts");
  if (isUrl) return target;
  // Not parsed as a relative reference, in which `//x` is another host.
  const path = isAsterisk ? "/*" : target;
  const scheme = secure ? "https" : "http";
  const url = `${scheme}://${host}${path}`;
  // Clients of unix sockets may send a path as the host.
  return AUTHORITY.test(host) && URL.canParse(url)
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
