import type { ChunkConn } from "../activation/_conn.ts";
import type {
  NewParser,
  ParsedHead,
  RequestParser,
} from "../runtime/request_parser.ts";
import type { Acceptor } from "../activation/_transport.ts";
import { answer, type AnswerOptions } from "./_answer.ts";
import type { Exchange } from "./_exchange.ts";
import {
  ParsedRequest,
  ParsedResponse,
  type ParserConnection,
} from "./_parsed_exchange.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import {
  CLIENT_ERRORS,
  FIRST_REQUEST_MS,
  HEADERS_CHECK_MS,
  HEADERS_TIMEOUT_MS,
  type ServiceServer,
  type ServiceServerEvents,
} from "./_service_server.ts";

/** The time that a client has for its next request. */
const KEEP_ALIVE_MS = 5_000;

/** The bytes of a body that are received before the handler reads it. */
const UNREAD_BYTES_MAX = 64 * 1024;

type Conn = Deno.Conn & ChunkConn;

type ParseError = Error & { code?: string };

/**
 * Serves HTTP/1 on unix sockets by the parser below `node:http`, in half of the time
 * of a bare handler of `node:http`.
 */
export class ParserServer implements ServiceServer {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #newParser: NewParser;
  readonly #acceptor: Acceptor<Conn>;
  readonly #options: AnswerOptions;
  readonly #connections = new Set<ServedConnection>();
  #changed = Promise.withResolvers<void>();
  #onChange = (): void => {};
  #isRef = true;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    newParser: NewParser,
    acceptor: Acceptor<Conn>,
    options: AnswerOptions,
  ) {
    this.addr = acceptor.addr;
    this.#newParser = newParser;
    this.#acceptor = acceptor;
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  start(events: ServiceServerEvents): void {
    this.#onChange = events.onChange;
    this.#acceptor.start((conn) => this.#add(conn), events.onAcceptError);
  }

  async drain(): Promise<void> {
    this.#acceptor.close();
    let inGracePeriod = true;
    const timer = setTimeout(() => {
      inGracePeriod = false;
      this.#changed.resolve();
    }, FIRST_REQUEST_MS);
    for (const each of this.#connections) if (each.isBetween) each.destroy();
    while (this.connections > 0) {
      this.#changed = Promise.withResolvers();
      if (!inGracePeriod) {
        for (const each of this.#connections) if (each.isIdle) each.destroy();
      }
      if (this.connections > 0) await this.#changed.promise;
    }
    clearTimeout(timer);
  }

  abort(): void {
    for (const each of this.#connections) each.destroy();
  }

  ref(): void {
    this.#setRef(true);
  }

  unref(): void {
    this.#setRef(false);
  }

  #setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? "ref" : "unref";
    this.#acceptor[method]();
    for (const { conn } of this.#connections) conn[method]();
  }

  #add(conn: Conn): void {
    if (!this.#isRef) conn.unref();
    const connection: ServedConnection = new ServedConnection(
      conn,
      this.#newParser,
      this.#options,
      () => {
        this.#connections.delete(connection);
        if (this.connections === 0) clearInterval(this.#timer);
        this.#changed.resolve();
        this.#onChange();
      },
    );
    this.#connections.add(connection);
    if (this.connections === 1) {
      this.#timer = setInterval(() => this.#checkDeadlines(), HEADERS_CHECK_MS);
      Deno.unrefTimer(this.#timer);
    }
    this.#onChange();
    connection.start();
  }

  #checkDeadlines(): void {
    const now = performance.now();
    for (const each of this.#connections) {
      if (each.isIdle && now > each.deadline) each.timeOut();
    }
  }
}

/** The connection of a client, and its unanswered requests, in order. */
class ServedConnection implements ParserConnection {
  readonly conn: Conn;
  readableEnded = false;
  /** The time, while there is no request, at which one must have arrived. */
  deadline = performance.now() + HEADERS_TIMEOUT_MS;
  readonly #parser: RequestParser;
  readonly #options: AnswerOptions;
  readonly #onClosed: () => void;
  readonly #exchanges: Exchange[] = [];
  /** The request whose body is being received. */
  #receiving: ParsedRequest | undefined;
  #isClosed = false;
  #isAnswering = false;
  /** Whether a part of a head has been received. */
  #isInHead = false;
  /** Whether a request has been answered. */
  #isUsed = false;
  /** Whether later bytes of the client are discarded unparsed. */
  #ignoresInput = false;
  #malformed: ParseError | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(
    conn: Conn,
    newParser: NewParser,
    options: AnswerOptions,
    onClosed: () => void,
  ) {
    this.conn = conn;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#parser = newParser({
      onBegin: () => {
        this.#isInHead = true;
        this.deadline = performance.now() + HEADERS_TIMEOUT_MS;
      },
      onHead: (head) => this.#onHead(head),
      onBody: (bytes) => this.#receiving!.push(bytes),
      onComplete: () => this.#onComplete(),
    });
  }

  /** Whether no request waits for its response. */
  get isIdle(): boolean {
    return this.#exchanges.length === 0;
  }

  /** Whether the client has its response, and has not begun another request. */
  get isBetween(): boolean {
    return this.isIdle && this.#isUsed && !this.#isInHead;
  }

  start(): void {
    this.conn.forEachChunk((chunk) => this.#onChunk(chunk)).then(
      () => this.#onEnd(),
      () => this.destroy(),
    );
  }

  /** The client has not sent a request in time. */
  timeOut(): void {
    if (this.isBetween) this.destroy();
    else {
      const code = "ERR_HTTP_REQUEST_TIMEOUT";
      this.#refuse(
        Object.assign(new Error("It has not arrived in time"), { code }),
      );
    }
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.conn.close();
    this.#parser.close();
    for (const { message, outgoing } of this.#exchanges.splice(0)) {
      (outgoing as ParsedResponse).close();
      (message as ParsedRequest).destroy();
    }
    this.#room?.resolve();
    this.#onClosed();
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  onRead(): void {
    if (this.#mayReceive) this.#room?.resolve();
  }

  #onHead(head: ParsedHead): void {
    this.#isInHead = false;
    const message = new ParsedRequest(head, this);
    this.#receiving = message;
    this.#exchanges.push({ message, outgoing: new ParsedResponse(message) });
  }

  #onComplete(): void {
    this.#ignoresInput = this.#receiving!.isUpgrade;
    this.#receiving!.finish();
    this.#receiving = undefined;
  }

  /**
   * While several requests wait, or a body is not read, nothing more is received: a
   * client that sends without reading would fill the memory.
   */
  #onChunk(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#ignoresInput) return undefined;
    const error = this.#parser.execute(chunk);
    if (error !== undefined) this.#onMalformed(error);
    this.#answerNext();
    if (this.#isClosed || this.#mayReceive) return undefined;
    this.#room = Promise.withResolvers();
    return this.#room.promise;
  }

  get #mayReceive(): boolean {
    return this.#exchanges.length <= 1 &&
      (this.#receiving?.unreadBytes ?? 0) < UNREAD_BYTES_MAX;
  }

  /** The requests before the malformed one are answered first. */
  #onMalformed(error: ParseError): void {
    this.#ignoresInput = true;
    // A client that has announced its last request has no other.
    if (error.code === "HPE_CLOSED_CONNECTION") return;
    this.#malformed = error;
    if (this.#receiving === undefined) return;
    // Its body is malformed: it is not handled, or that can only be cut off.
    const last = this.#exchanges.at(-1);
    if (last === undefined || last.isStarted) this.destroy();
    else this.#exchanges.pop();
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
      answer(next, this.#options, () => {
        this.#exchanges.shift();
        this.#answerNext();
      });
    }
    this.#isAnswering = false;
    if (this.#isClosed) return;
    if (this.isIdle) {
      if (this.#malformed !== undefined) return this.#refuse(this.#malformed);
      if (this.readableEnded) return this.destroy();
      this.deadline = performance.now() +
        (this.#isInHead ? HEADERS_TIMEOUT_MS : KEEP_ALIVE_MS);
    }
    this.onRead();
  }

  /** The client has sent its last byte. */
  #onEnd(): void {
    this.readableEnded = true;
    const [current] = this.#exchanges;
    if (current !== undefined) current.onClientEnd?.();
    else if (this.#isInHead) this.#refuse(new Error("It has no end"));
    else this.destroy();
  }

  /** Responds to bytes that are not a request, and closes the connection. */
  #refuse(error: ParseError): void {
    const status = CLIENT_ERRORS[error.code ?? ""] ?? "400 Bad Request";
    logFailure(`Refused a request with status ${status}`, error);
    const response = `HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`;
    this.conn.writeChunk(new TextEncoder().encode(response))?.catch(() => {});
    this.destroy();
  }
}
