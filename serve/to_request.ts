import type { IncomingMessage } from "node:http";
import { RefusedRequest } from "./refused_request.ts";
import { requestBody } from "./request_body.ts";

/** The Fetch standard has no bodies on these, and no other use of the last. */
const WITHOUT_BODY = ["GET", "HEAD"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];

/** Where a request without `Host` was sent to: HTTP/1.0 need not say. */
const DEFAULT_HOST = "localhost";

/** A host, and perhaps a port: nothing that would move the start of the path. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::[0-9]*)?$/i;

/** What a request is made from, besides the message itself. */
export interface ToRequestOptions {
  /** Whether the message came over TLS. */
  secure: boolean;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** Called when the handler reads the body for the first time. */
  onFirstRead: () => void;
}

/**
 * Makes the `Request` of a message that `node:http` has parsed.
 *
 * @throws {RefusedRequest} It has no place in a `Request`.
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
    // Credentials have no place in the URL of a Request, nor in a target.
    if (url.username === "" && url.password === "") {
      return new Request(url, { ...init, headers });
    }
  } catch {
    // A TypeError, of a URL or header that is none: the answer is the same.
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
 * The URL that was asked for. Request targets come in the forms of RFC 9112,
 * section 3.2: `/path`, a whole URL, or `*`.
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
  // Joined as text: as a relative reference, `//x` would name another host.
  const path = isAsterisk ? "/*" : target;
  return new URL(`${secure ? "https" : "http"}://${authority}${path}`);
}
