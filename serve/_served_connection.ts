import type { HandledConn } from "../activation/_conn.ts";
import { setTimeLimit } from "../activation/_timer.ts";
import type {
  NewParser,
  ParsedHead,
  RequestParser,
} from "../runtime/request_parser.ts";
import { answer, type AnswerOptions } from "./_answer.ts";
import { clientGone } from "./_exchange_info.ts";
import { Exchange, type ExchangeConnection } from "./_exchange.ts";
import { RefusedRequest } from "./_handler_result.ts";
import { GRACE_MS, HEADERS_TIMEOUT_MS, LINGER_MS } from "./_http_limits.ts";
import type { RequestHold } from "./_request_hold.ts";
import { CLIENT_ERRORS } from "./_statuses.ts";
import { Upgrade } from "./_upgrade.ts";
import type { WebSockets } from "./_web_sockets.ts";

/** The bytes of chunk extensions and trailers that a client may send in one go. */
const OVERHEAD_BYTES_MAX = 16 * 1024;

/**
 * The bytes that are discarded of a client whose last request has arrived. Then nothing
 * more is read until the connection is closed.
 */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;

/** The head of bytes that are no request. */
const NO_REQUEST: ParsedHead = {
  ...{ method: "GET", url: "", httpVersion: "1.1", rawHeaders: [] },
  ...{ isUpgrade: false, keepAlive: false },
};

/** The part of a server that a connection uses. */
export interface ConnectionOptions {
  newParser: NewParser;
  answer: AnswerOptions;
  isStopping(): boolean;
  hold(): () => void;
  requests: RequestHold;
  onClosed(connection: ServedConnection): void;
  /** Undefined unless handlers may upgrade connections. */
  webSockets: WebSockets | undefined;
}

/** The connection of a client, and its unanswered requests, in order. */
export class ServedConnection implements ExchangeConnection {
  readonly conn: HandledConn;
  readonly maxBodyBytes: number;
  readonly keepAlive: string;
  readonly #options: ConnectionOptions;
  readonly #parser: RequestParser;
  readonly #exchanges: Exchange[] = [];
  /** The exchange whose body is being received. */
  #receiving: Exchange | undefined;
  /** The time by which the client must have sent a request, or the rest of one. */
  #deadline = performance.now() + HEADERS_TIMEOUT_MS;
  #isClosed = false;
  #isAnswering = false;
  /** Whether a part of a head has been received. */
  #isInHead = false;
  /** Whether a request has been answered. */
  #isUsed = false;
  /** Whether the client has sent its last byte. */
  #isEnded = false;
  /** Whether later bytes of the client are discarded unparsed. */
  #ignoresInput = false;
  #discardedBytes = 0;
  /**
   * The bytes since the last byte of a body; in the chunk that is being parsed, the bytes
   * and the number of the parts of the body, and whether the head ends there.
   */
  #count = { overhead: 0, body: 0, parts: 0, isFromHead: false };
  #room: PromiseWithResolvers<void> | undefined;
  /** Whether it is half-closed, after its last response. */
  #isLingering = false;
  /** Cancels the pending close, if there is one. */
  #keepOpen: (() => void) | undefined;

  constructor(conn: HandledConn, options: ConnectionOptions) {
    this.conn = conn;
    this.maxBodyBytes = options.answer.maxBodyBytes;
    const seconds = Math.floor(options.answer.keepAliveTimeoutMs / 1_000);
    this.keepAlive = Number.isFinite(seconds)
      ? `keep-alive: timeout=${seconds}\r\n`
      : "";
    this.#options = options;
    this.#parser = options.newParser({
      onBegin: () => {
        this.#isInHead = true;
        this.#deadline = performance.now() + HEADERS_TIMEOUT_MS;
      },
      onHead: (head) => {
        this.#isInHead = false;
        this.#receiving = this.#add(head);
        this.#count = { overhead: 0, body: 0, parts: 0, isFromHead: true };
      },
      onBody: (bytes) => this.#onBody(bytes),
      onComplete: () => this.#onComplete(),
    });
  }

  get isStopping(): boolean {
    return this.#options.isStopping();
  }

  /** Whether no request waits for its response. */
  get isIdle(): boolean {
    return this.#exchanges.length === 0 && this.#receiving === undefined;
  }

  start(): void {
    this.conn.forEachChunk((chunk) => this.#onChunk(chunk)).then(
      () => this.#onEnd(),
      () => this.destroy(),
    );
  }

  /**
   * Closes an idle connection after the grace period, unless its client sends a request.
   * Called when the server begins to stop.
   */
  stop(): void {
    // Less time is enough for a client that has its last response.
    if (this.#isLingering) return this.#linger();
    if (!this.isIdle || this.#keepOpen !== undefined) return;
    this.#keepOpen = setTimeLimit(() => {
      this.#keepOpen = undefined;
      if (this.isIdle) this.destroy();
    }, GRACE_MS);
  }

  /** Closes the connection of a client that is too slow, or gone. Called once a second. */
  check(now: number): void {
    if (this.#exchanges.length > 0) this.#closeIfGone();
    else if (now <= this.#deadline || this.#keepOpen !== undefined) return;
    else if (this.#isUsed && !this.#isInHead) this.destroy();
    else this.#refuse("ERR_HTTP_REQUEST_TIMEOUT", "it has not arrived in time");
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#keepOpen?.();
    this.conn[Symbol.dispose]();
    this.#parser.close();
    for (const exchange of this.#exchanges.splice(0)) exchange.abort();
    this.#room?.resolve();
    this.#options.onClosed(this);
  }

  reset(): void {
    if (!this.#isClosed) this.conn.reset();
    this.destroy();
  }

  async upgrade(exchange: Exchange): Promise<void> {
    const { upgrade } = exchange;
    const socket = upgrade!.socket!;
    this.#options.webSockets!.add(socket, this.#options.hold());
    socket.addEventListener("error", () => this.destroy());
    try {
      await upgrade!.accept();
    } catch {
      upgrade!.refuse(clientGone());
    }
  }

  onOver(): void {
    this.#options.requests.end();
  }

  onRead(): void {
    if (this.#mayReceive) this.#room?.resolve();
  }

  onAnswered(exchange: Exchange): void {
    this.#exchanges.shift();
    if (this.#isClosed) return;
    if (exchange.isLast) return this.#linger();
    if (this.#exchanges.length === 0) {
      this.#deadline = performance.now() + this.#timeForNext;
    }
    this.#answerNext();
  }

  #add(head: ParsedHead): Exchange {
    this.#options.requests.begin();
    const exchange = new Exchange(head, this);
    this.#exchanges.push(exchange);
    return exchange;
  }

  /** Responds to bytes that are not a request, after the requests before them. */
  #refuse(code: string | undefined, reason: string): void {
    const status = CLIENT_ERRORS[code ?? ""] ?? 400;
    const refusal = new RefusedRequest(status, reason);
    this.#ignoresInput = true;
    this.#isInHead = false;
    const receiving = this.#receiving;
    this.#receiving = undefined;
    if (receiving === undefined) this.#add(NO_REQUEST).refusal = refusal;
    else if (!receiving.isStarted) receiving.refusal = refusal;
    else if (this.#exchanges.includes(receiving)) {
      receiving.isLast = true;
      receiving.body?.fail(refusal);
    } else this.#linger();
    this.#answerNext();
  }

  #onBody(bytes: Uint8Array<ArrayBuffer>): void {
    this.#count.body += bytes.length;
    this.#count.parts++;
    this.#receiving!.body?.push(bytes);
  }

  #onComplete(): void {
    const { body, head } = this.#receiving!;
    this.#receiving = undefined;
    body?.finish();
    if (head.isUpgrade) this.#ignoresInput = true;
  }

  /** Lets the handler of a request that asks for an upgrade perform it. */
  #offerUpgrade(chunk: Uint8Array): void {
    const { webSockets } = this.#options;
    const last = this.#exchanges.at(-1);
    if (webSockets === undefined || !last?.head.isUpgrade || last.isStarted) {
      return;
    }
    // The request of a WebSocket is a GET (RFC 6455, section 4.1). Others, such as a POST
    // that offers "h2c", have a body to be received.
    if (last.body !== undefined) return;
    last.upgrade = new Upgrade(
      this.conn,
      chunk.slice(this.#parser.consumed),
      webSockets.binding,
      () => {
        last.complete();
        this.destroy();
      },
    );
  }

  /** Whether a parsed chunk has too many bytes for its parts of a body. */
  #isPadded(chunk: Uint8Array): boolean {
    const count = this.#count;
    const start = count.isFromHead ? headEnd(chunk) : 0;
    count.overhead += Math.max(chunk.length - start - count.body, 0);
    const isPadded = count.overhead > OVERHEAD_BYTES_MAX * (count.parts + 1);
    if (count.parts > 0) count.overhead = 0;
    count.body = count.parts = 0;
    count.isFromHead = false;
    return isPadded;
  }

  /**
   * While several requests wait, or a body is not read, nothing more is received: a
   * client that sends without reading would fill the memory.
   */
  #onChunk(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#ignoresInput) this.#discardedBytes += chunk.length;
    else this.#parse(chunk);
    if (this.#isClosed || this.#mayReceive) return undefined;
    this.#room = Promise.withResolvers();
    return this.#room.promise;
  }

  get #mayReceive(): boolean {
    if (this.#discardedBytes >= DISCARDED_BYTES_MAX) return false;
    // Bytes after an upgrade are for its WebSocket.
    return this.#exchanges.length <= 1 && !this.#receiving?.body?.isFull &&
      this.#exchanges[0]?.upgrade === undefined;
  }

  #parse(chunk: Uint8Array): void {
    const error = this.#parser.execute(chunk);
    const isPadded = this.#receiving !== undefined && this.#isPadded(chunk);
    this.#offerUpgrade(chunk);
    if (error?.code === "HPE_CLOSED_CONNECTION") {
      // The client has announced that its last request is the last.
      this.#ignoresInput = true;
    } else if (error !== undefined) {
      return this.#refuse(error.code, error.message);
    } else if (isPadded) {
      const reason = "its chunk extensions or trailers are too long";
      return this.#refuse("HPE_CHUNK_EXTENSIONS_OVERFLOW", reason);
    }
    this.#answerNext();
  }

  /** Answers the requests of the connection one at a time. */
  #answerNext(): void {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    for (;;) {
      const [next] = this.#exchanges;
      if (next === undefined || next.isStarted) break;
      next.isStarted = true;
      this.#isUsed = true;
      answer(next, this.#options.answer);
    }
    this.#isAnswering = false;
    if (this.#isClosed) return;
    if (this.#exchanges.length === 0) {
      if (this.#isEnded) return this.destroy();
      if (this.isStopping) this.stop();
    }
    this.onRead();
  }

  get #timeForNext(): number {
    if (this.#receiving !== undefined) return LINGER_MS;
    if (this.#isInHead) return HEADERS_TIMEOUT_MS;
    return this.#options.answer.keepAliveTimeoutMs;
  }

  /** The client has sent its last byte. It may still receive. */
  #onEnd(): void {
    this.#isEnded = true;
    if (this.#isInHead) this.#refuse(undefined, "it has no end");
    else if (this.isIdle || this.#receiving !== undefined) this.destroy();
    else this.#closeIfGone();
  }

  /** A connection that is paused or half-closed does not report a reset. */
  #closeIfGone(): void {
    if (this.conn.hasLostPeer()) this.destroy();
  }

  /**
   * Ends the connection so that the client gets the last response: a socket that is
   * closed with unread input drops bytes that it has sent (RFC 9112, section 9.6).
   */
  #linger(): void {
    this.#isLingering = true;
    this.#ignoresInput = true;
    this.#receiving = undefined;
    for (const exchange of this.#exchanges.splice(0)) exchange.abort();
    if (this.#isEnded) return this.destroy();
    this.conn.closeWrite().catch(() => {});
    const time = this.isStopping ? GRACE_MS : LINGER_MS;
    this.#keepOpen?.();
    this.#keepOpen = setTimeLimit(() => this.destroy(), time);
    this.#room?.resolve();
  }
}

/** Returns the end of the last head in a chunk, or 0 if it began earlier. */
function headEnd(chunk: Uint8Array): number {
  const [cr, lf] = [13, 10];
  for (let at = chunk.length; at >= 4; at--) {
    if (
      chunk[at - 1] === lf && chunk[at - 2] === cr && chunk[at - 3] === lf &&
      chunk[at - 4] === cr
    ) return at;
  }
  return 0;
}
