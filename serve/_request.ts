import {
  requestOnDemand,
  type RequestSource,
} from "../runtime/fetch_objects.ts";
import {
  bodyTooLong,
  type HandlerOptions,
  RefusedRequest,
} from "./_handler_result.ts";

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  /** The request target. */
  readonly url: string;
  readonly httpVersion: string;
  /** Names and values, in turn. */
  readonly rawHeaders: string[];
}

/** The Fetch standard allows no bodies with the first, and forbids the second. */
const WITHOUT_BODY = ["GET", "HEAD"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** The limit of Deno's own HTTP server. */
const HEADERS_MAX = 128;

/** The host of a request without a valid `Host`. */
const DEFAULT_HOST = "localhost";

/** A host with an optional port, without characters that start a path. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::[0-9]*)?$/i;

/** Whether the client of a request has disconnected. */
export class ClientState {
  isGone = false;
  #callbacks: (() => void)[] | undefined;

  /** Calls back when the client disconnects. */
  onDisconnect(callback: () => void): void {
    if (this.isGone) callback();
    else (this.#callbacks ??= []).push(callback);
  }

  /** Records that the client has disconnected. */
  disconnect(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#callbacks?.forEach((callback) => callback());
  }
}

/** The headers of a request, and what the service itself reads in them. */
export interface RequestHeaders {
  pairs: [name: string, value: string][];
  host: string;
  hosts: number;
  isChunked: boolean;
  contentLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
}

/**
 * Reads the headers. Several cookies become one (RFC 9113, section 8.2.3).
 *
 * @throws {RefusedRequest} The request is not handled.
 */
export function readHeaders(
  { method, httpVersion, rawHeaders }: RequestHead,
  { maxBodyBytes }: Pick<HandlerOptions, "maxBodyBytes">,
): RequestHeaders {
  if (rawHeaders.length > 2 * HEADERS_MAX) {
    throw new RefusedRequest(400, `it has more than ${HEADERS_MAX} headers`);
  }
  const headers: RequestHeaders = {
    ...{ pairs: [], host: "", hosts: 0, isChunked: false, contentLength: 0 },
    expectsContinue: false,
  };
  let cookie: [string, string] | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const pair: [string, string] = [rawHeaders[i]!, rawHeaders[i + 1]!];
    switch (pair[0].toLowerCase()) {
      case "host":
        headers.host = pair[1];
        headers.hosts++;
        break;
      case "transfer-encoding":
        headers.isChunked = true;
        break;
      case "content-length":
        headers.contentLength = Number(pair[1]);
        break;
      case "expect":
        headers.expectsContinue = httpVersion !== "1.0" &&
          pair[1].toLowerCase() === "100-continue";
        break;
      case "cookie":
        if (cookie === undefined) {
          cookie = pair;
          break;
        }
        cookie[1] += `; ${pair[1]}`;
        continue;
    }
    headers.pairs.push(pair);
  }
  const reason = refusalReason(headers, httpVersion);
  if (reason !== undefined) throw new RefusedRequest(400, reason);
  if (FORBIDDEN.includes(method)) {
    throw new RefusedRequest(501, `the method "${method}" is not supported`);
  }
  if (headers.contentLength > maxBodyBytes) throw bodyTooLong(maxBodyBytes);
  return headers;
}

function refusalReason(
  { hosts, isChunked }: RequestHeaders,
  httpVersion: string,
): string | undefined {
  switch (httpVersion) {
    case "1.1":
      if (hosts === 0) return "it has no host";
      break;
    case "1.0":
      // RFC 9112, section 6.1.
      if (isChunked) return "it has chunks in HTTP/1.0";
      break;
    default:
      return `it is of HTTP/${httpVersion}`;
  }
  return hosts > 1 ? "it has several hosts" : undefined;
}

/** Options for {@linkcode toRequest}. */
export interface ToRequestOptions {
  /** Whether the connection uses TLS. */
  secure: boolean;
  client: ClientState;
  body: RequestSource["body"];
}

/**
 * Returns the `Request` of a message.
 *
 * @throws {RefusedRequest} The message cannot be a `Request`.
 */
export function toRequest(
  head: RequestHead,
  headers: RequestHeaders,
  { secure, client, body }: ToRequestOptions,
): Request {
  const url = requestUrl(head, headers, secure);
  const source: RequestSource = {
    method: head.method,
    url: () => url,
    headers: () => headers.pairs,
    body: mayHaveBody(head) ? body : () => null,
    onDisconnect: (callback) => client.onDisconnect(callback),
  };
  return requestOnDemand(source) ?? requestAtOnce(source);
}

/** Whether the handler gets a body, which may be empty. */
export function mayHaveBody({ method }: RequestHead): boolean {
  return !WITHOUT_BODY.includes(method);
}

/** Returns a request with the constructor of `Request`. */
function requestAtOnce(
  { method, url, headers, body, onDisconnect }: RequestSource,
): Request {
  const controller = new AbortController();
  onDisconnect(() =>
    controller.abort(new DOMException("The client has gone", "AbortError"))
  );
  return new Request(url(), {
    ...{ method, headers: headers(), body: body() },
    ...{ signal: controller.signal, duplex: "half" },
  } as RequestInit);
}

/**
 * Returns the URL of a request target: `/path`, a whole URL, or `*` (RFC 9112, section
 * 3.2).
 */
function requestUrl(
  { method, url: target }: RequestHead,
  { host }: RequestHeaders,
  secure: boolean,
): string {
  const isAsterisk = target === "*" && method === "OPTIONS";
  if (!target.startsWith("/") && !isAsterisk) {
    const isUrl = /^https?:\/\//i.test(target) && URL.canParse(target);
    if (isUrl) return new URL(target).href;
    throw new RefusedRequest(
      400,
      `the target "${target}" is not a path or a URL`,
    );
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
