import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { ChunkConn } from "../activation/_conn.ts";
import type { ParsedHead } from "../runtime/request_parser.ts";
import type { Connection, Incoming, Outgoing } from "./_exchange.ts";

const CRLF = "\r\n";
const encoder = new TextEncoder();

/** The reasons of the statuses that a service sends (RFC 9110, section 15). */
const REASONS: Record<string, string> = Object.fromEntries(
  `200 OK,201 Created,202 Accepted,203 Non-Authoritative Information,204 No Content,
205 Reset Content,206 Partial Content,207 Multi-Status,208 Already Reported,226 IM Used,
300 Multiple Choices,301 Moved Permanently,302 Found,303 See Other,304 Not Modified,
305 Use Proxy,307 Temporary Redirect,308 Permanent Redirect,400 Bad Request,
401 Unauthorized,402 Payment Required,403 Forbidden,404 Not Found,405 Method Not Allowed,
406 Not Acceptable,407 Proxy Authentication Required,408 Request Timeout,409 Conflict,
410 Gone,411 Length Required,412 Precondition Failed,413 Payload Too Large,
414 URI Too Long,415 Unsupported Media Type,416 Range Not Satisfiable,
417 Expectation Failed,418 I'm a Teapot,421 Misdirected Request,
422 Unprocessable Content,423 Locked,424 Failed Dependency,425 Too Early,
426 Upgrade Required,428 Precondition Required,429 Too Many Requests,
431 Request Header Fields Too Large,451 Unavailable For Legal Reasons,
500 Internal Server Error,501 Not Implemented,502 Bad Gateway,503 Service Unavailable,
504 Gateway Timeout,505 HTTP Version Not Supported,506 Variant Also Negotiates,
507 Insufficient Storage,508 Loop Detected,511 Network Authentication Required`
    .split(/,\s*/).map((each) => [each.slice(0, 3), each.slice(4)]),
);

/** What an exchange needs of its connection. */
export interface ParserConnection extends Connection {
  readonly conn: ChunkConn;
  /** The handler has read a part of the body. */
  onRead(): void;
}

/** A request of the runtime's parser. */
export class ParsedRequest extends EventEmitter implements Incoming {
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: string[];
  readonly keepAlive: boolean;
  readonly isUpgrade: boolean;
  readonly socket: ParserConnection;
  complete = false;
  readableEnded = false;
  destroyed = false;
  /** The received bytes that the handler has not read. */
  unreadBytes = 0;
  readonly #chunks: Uint8Array[] = [];
  #isDiscarding = false;

  constructor(head: ParsedHead, socket: ParserConnection) {
    super();
    this.method = head.method;
    this.url = head.url;
    this.httpVersion = head.httpVersion;
    this.rawHeaders = head.rawHeaders;
    this.keepAlive = head.keepAlive;
    this.isUpgrade = head.isUpgrade;
    this.socket = socket;
  }

  push(bytes: Uint8Array): void {
    if (this.#isDiscarding) return;
    // The parsed chunk is reused.
    this.#chunks.push(new Uint8Array(bytes));
    this.unreadBytes += bytes.length;
    this.emit("readable");
  }

  finish(): void {
    this.complete = true;
    if (this.#chunks.length > 0) return;
    this.readableEnded = true;
    this.emit("end");
  }

  read(): Uint8Array | null {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.unreadBytes -= chunk.length;
      this.socket.onRead();
      return chunk;
    }
    this.readableEnded = this.complete;
    return null;
  }

  resume(): void {
    this.#isDiscarding = true;
    this.#chunks.length = 0;
    this.unreadBytes = 0;
    this.readableEnded = this.complete;
    this.socket.onRead();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

/** The bytes of small responses, until the kernel takes them. */
let scratch = new Uint8Array(16 * 1024);

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

/** The response to such a request. */
export class ParsedResponse extends EventEmitter implements Outgoing {
  readonly req: ParsedRequest;
  headersSent = false;
  chunkedEncoding = false;
  destroyed = false;
  writableEnded = false;
  writableFinished = false;
  strictContentLength = false;
  /** The headers, and then all of the head until it is sent. */
  #head = "";
  #hasDate = false;
  #isLast: boolean;
  #hasBody = true;
  /** The announced length of the body. */
  #length: number | undefined;
  #bodyBytes = 0;

  constructor(req: ParsedRequest) {
    super();
    this.req = req;
    this.#isLast = !req.keepAlive;
  }

  writeContinue(): void {
    this.#send(`HTTP/1.1 100 Continue${CRLF}${CRLF}`);
  }

  appendHeader(name: string, value: string): void {
    this.setHeader(name, value);
  }

  setHeader(name: string, value: string | number): void {
    switch (name) {
      case "connection":
        this.#isLast = true;
        return;
      case "content-length":
        this.#length = Number(value);
        break;
      case "date":
        this.#hasDate = true;
        break;
    }
    this.#head += `${name}: ${value}${CRLF}`;
  }

  writeHead(status: number, reason = REASONS[status] ?? ""): void {
    const { method, httpVersion } = this.req;
    this.#hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    let last = "";
    if (this.#hasBody && this.#length === undefined) {
      this.chunkedEncoding = httpVersion !== "1.0";
      if (this.chunkedEncoding) last += `transfer-encoding: chunked${CRLF}`;
      else this.#isLast = true;
    }
    if (!this.#hasDate) last += `date: ${currentDate()}${CRLF}`;
    if (this.#isLast) last += `connection: close${CRLF}`;
    else if (httpVersion === "1.0") last += `connection: keep-alive${CRLF}`;
    this.#head =
      `HTTP/1.1 ${status} ${reason}${CRLF}${this.#head}${last}${CRLF}`;
    this.headersSent = true;
  }

  flushHeaders(): void {
    this.#send("");
  }

  write(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    this.#count(bytes.length);
    const sending = this.#send(bytes);
    sending?.then(() => this.emit("drain"), () => {});
    return sending === undefined;
  }

  end(body: string | Uint8Array = ""): void {
    if (!this.#hasBody) body = "";
    // A text is a complete body, whose length `sendResponse()` has compared.
    if (typeof body !== "string") this.#count(body.length);
    const isShort = body === "" && this.#bodyBytes < (this.#length ?? 0);
    if (this.strictContentLength && this.#hasBody && isShort) {
      throw new TypeError(
        `The body has ${this.#bodyBytes} bytes instead of ${this.#length}`,
      );
    }
    this.writableEnded = true;
    const sending = this.#send(body, true);
    if (sending === undefined) this.#finish();
    else sending.then(() => this.#finish(), () => {});
  }

  destroy(): void {
    this.req.socket.destroy();
  }

  /** The connection is closed. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }

  #count(bytes: number): void {
    this.#bodyBytes += bytes;
    if (
      this.strictContentLength && this.#bodyBytes > (this.#length ?? Infinity)
    ) {
      throw new TypeError(`The body has more than ${this.#length} bytes`);
    }
  }

  #finish(): void {
    if (this.destroyed) return;
    this.writableFinished = true;
    if (this.#isLast) this.destroy();
    else this.close();
  }

  /** Sends the head, if it is not sent yet, and a part of the body. */
  #send(part: string | Uint8Array, isEnd = false): Promise<void> | undefined {
    let head = this.#head;
    this.#head = "";
    let tail = "";
    if (this.chunkedEncoding) {
      if (part.length > 0) {
        const bytes = typeof part === "string" ? encoder.encode(part) : part;
        head += `${bytes.length.toString(16)}${CRLF}`;
        tail = CRLF;
        part = bytes;
      }
      if (isEnd) tail += `0${CRLF}${CRLF}`;
    }
    return this.#write(head, part, tail);
  }

  #write(
    head: string,
    part: string | Uint8Array,
    tail: string,
  ): Promise<void> | undefined {
    const { conn } = this.req.socket;
    const most = head.length + tail.length + part.length * 3;
    if (most === 0) return undefined;
    let buffer = scratch;
    if (most > scratch.length) {
      if (typeof part === "string") part = encoder.encode(part);
      buffer = new Uint8Array(head.length + part.length + tail.length);
    }
    let { length } = head;
    if (isAscii(head)) encoder.encodeInto(head, buffer);
    else buffer.set(Buffer.from(head, "latin1"));
    if (typeof part === "string") {
      length += encoder.encodeInto(part, buffer.subarray(length)).written;
    } else {
      buffer.set(part, length);
      length += part.length;
    }
    if (tail !== "") {
      length += encoder.encodeInto(tail, buffer.subarray(length)).written;
    }
    const sending = conn.writeChunk(buffer.subarray(0, length));
    if (sending === undefined) return undefined;
    if (buffer === scratch) scratch = new Uint8Array(scratch.length);
    sending.catch(() => this.req.socket.destroy());
    return sending;
  }
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}
