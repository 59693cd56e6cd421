import {
  requestOnDemand,
  type RequestSource,
} from "../runtime/fetch_objects.ts";
import type { Incoming } from "./_exchange.ts";

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
  isGone = false;
  #callbacks: (() => void)[] | undefined;

  /** Calls back when the client has gone. */
  onLeave(callback: () => void): void {
    if (this.isGone) callback();
    else (this.#callbacks ??= []).push(callback);
  }

  /** Records that the client has closed or half-closed the connection. */
  leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#callbacks?.forEach((callback) => callback());
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
  message: Incoming,
  head: Head,
  options: ToRequestOptions,
): Request {
  const method = message.method ?? "";
  if (FORBIDDEN.includes(method)) {
    throw new RefusedRequest(501, `the method "${method}" is not supported`);
  }
  const hasBody = !WITHOUT_BODY.includes(method) &&
    (head.isChunked || head.contentLength > 0);
  const url = requestUrl(message, head, options.secure);
  const source = {
    method,
    url: () => url,
    headers: () => head.pairs,
    body: hasBody ? requestBody(message, options.onFirstRead) : null,
    onLeave: (callback: () => void) => options.client.onLeave(callback),
  };
  return requestOnDemand(source) ?? requestAtOnce(source);
}

/** Returns a request with the constructor of `Request`. */
function requestAtOnce(
  { method, url, headers, body, onLeave }: RequestSource,
): Request {
  const controller = new AbortController();
  onLeave(() =>
    controller.abort(new DOMException("The client has gone", "AbortError"))
  );
  return new Request(url(), {
    ...{ method, headers: headers(), body, signal: controller.signal },
    duplex: "half",
  } as RequestInit);
}

/** What the service itself reads in the headers of a request. */
export interface Head {
  pairs: [name: string, value: string][];
  host: string;
  hosts: number;
  isChunked: boolean;
  upgrade: boolean;
  contentLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
}

/** Reads the headers. Several cookies become one (RFC 9113, section 8.2.3). */
export function readHead(raw: string[]): Head {
  const head: Head = {
    ...{ pairs: [], host: "", hosts: 0, isChunked: false, upgrade: false },
    ...{ contentLength: 0, expectsContinue: false },
  };
  let cookie: [string, string] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const pair: [string, string] = [raw[i]!, raw[i + 1]!];
    switch (pair[0].toLowerCase()) {
      case "host":
        head.host = pair[1];
        head.hosts++;
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
      case "expect":
        head.expectsContinue = pair[1].toLowerCase() === "100-continue";
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
  message: Incoming,
  { host, hosts }: Head,
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
  if (hosts > 1) throw new RefusedRequest(400, "it has several hosts");
  if (hosts === 0 && message.httpVersion === "1.1") {
    throw new RefusedRequest(400, "it has no host");
  }
  if (isUrl) {
    // Deno allows credentials in the URL, which the Fetch standard does not.
    const { username, password } = new URL(target);
    if (username + password === "") return target;
    throw new RefusedRequest(400, `the target "${target}" has credentials`);
  }
  // Not parsed as a relative reference, in which `//x` is another host.
  const path = isAsterisk ? "/*" : target;
  const scheme = secure ? "https" : "http";
  // Clients of unix sockets may send a path as the host.
  return `${scheme}://${isValidHost(host) ? host : DEFAULT_HOST}${path}`;
}

/** The last valid host: most requests have the same. */
let validHost: string | undefined;

function isValidHost(host: string): boolean {
  if (host === validHost) return true;
  const isValid = AUTHORITY.test(host) && URL.canParse(`http://${host}/`);
  if (isValid) validHost = host;
  return isValid;
}

/**
 * Returns the body of a request as a byte stream, which reads the message only when
 * pulled: until then, the client waits.
 *
 * @param onFirstRead Called before the first read.
 */
export function requestBody(
  message: Incoming,
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
export function discardRest(message: Incoming): void {
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
