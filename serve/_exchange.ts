import type { HandledConn } from "../activation/_conn.ts";
import type { ParsedHead } from "../runtime/request_parser.ts";
import { clientGone, ExchangeInfo } from "./_exchange_info.ts";
import type { RefusedRequest } from "./_handler_result.ts";
import { ReceivedBody } from "./_received_body.ts";
import { ClientState, mayHaveBody } from "./_request.ts";
import { sendParts } from "./_send_parts.ts";
import type { Upgrade } from "./_upgrade.ts";

const CRLF = "\r\n";
const NOTHING = new Uint8Array();

/** The part of a connection that an exchange uses. */
export interface ExchangeConnection {
  readonly conn: HandledConn;
  readonly maxBodyBytes: number;
  /** Whether each response is the last on its connection. */
  readonly isStopping: boolean;
  /** The value of the `Keep-Alive` header of a response that is not the last. */
  readonly keepAlive: string;
  /** The handler has read a part of the body. */
  onRead(): void;
  /** Hands the connection over to the WebSocket of the exchange. */
  upgrade(exchange: Exchange): Promise<void>;
  /** The exchange has ended: it no longer holds the service. */
  onOver(): void;
  /** The kernel has taken the last byte of the response. */
  onAnswered(exchange: Exchange): void;
  /** Closes the connection at once. */
  destroy(): void;
  /** Closes the connection so that the client detects that bytes are missing. */
  reset(): void;
}

/** How the end of a response body is found. */
export interface Framing {
  /** Undefined for a body that ends with its last chunk, or with the connection. */
  length: number | undefined;
  isChunked: boolean;
}

/** A request, and the response to it. */
export class Exchange {
  readonly head: ParsedHead;
  readonly client: ClientState = new ClientState();
  readonly body: ReceivedBody | undefined;
  readonly connection: ExchangeConnection;
  /** The reason for which the handler does not run. */
  refusal: RefusedRequest | undefined;
  /** The upgrade that the handler may perform. */
  upgrade: Upgrade | undefined;
  isStarted = false;
  /** Whether the connection ends with the response. */
  isLast: boolean;
  /** Whether the client still waits for `100 Continue`. */
  awaitsContinue = false;
  isHeadSent = false;
  /** The head of the response until it is sent. */
  #head = "";
  #framing: Framing = { length: 0, isChunked: false };
  #bodyBytes = 0;
  #isOver = false;
  #info: ExchangeInfo | undefined;

  constructor(head: ParsedHead, connection: ExchangeConnection) {
    this.head = head;
    this.connection = connection;
    // The parser reads no request after one that asks for an upgrade.
    this.isLast = !head.keepAlive || head.isUpgrade;
    if (!mayHaveBody(head)) return;
    this.body = new ReceivedBody(connection.maxBodyBytes, {
      onFirstRead: () => this.#continue(),
      onRead: () => connection.onRead(),
    });
  }

  /** Returns the second argument of the handler. */
  get info(): ExchangeInfo {
    return this.#info ??= new ExchangeInfo(this.connection.conn);
  }

  /** Begins the response, whose head is sent together with the first part of the body. */
  begin(head: string, framing: Framing): void {
    this.#head = head;
    this.#framing = framing;
  }

  /** Sends the head. */
  flush(): Promise<void> | undefined {
    return this.#send(NOTHING, "");
  }

  /**
   * Sends a part of the body.
   *
   * @returns Undefined when the kernel took all of it; otherwise a promise, which
   * rejects when the client has gone.
   * @throws {TypeError} The body is longer than announced.
   */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length === 0) return undefined;
    const { length, isChunked } = this.#framing;
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes > (length ?? Infinity)) {
      throw new TypeError(`The body has more than ${length} bytes`);
    }
    if (!isChunked) return this.#send(bytes, "");
    this.#head += `${bytes.length.toString(16)}${CRLF}`;
    return this.#send(bytes, CRLF);
  }

  /**
   * Ends the response, and the exchange once it is sent.
   *
   * @param body All of the body, if none of it was sent before.
   * @throws {TypeError} The body is shorter than announced.
   */
  end(body?: Uint8Array): Promise<void> | undefined {
    const { length, isChunked } = this.#framing;
    if (body === undefined && this.#bodyBytes < (length ?? 0)) {
      throw new TypeError(
        `The body has ${this.#bodyBytes} bytes instead of ${length}`,
      );
    }
    if (isChunked) this.#head += `0${CRLF}${CRLF}`;
    const sending = this.#send(body ?? NOTHING, "");
    if (sending !== undefined) return sending.then(() => this.#finish());
    this.#finish();
    return undefined;
  }

  /** Closes the connection so that the client detects an incomplete response. */
  cut(): void {
    const { length, isChunked } = this.#framing;
    if (isChunked || length !== undefined) this.connection.destroy();
    // The end of the connection marks the end of the body.
    else this.connection.reset();
  }

  /** Ends the exchange: its connection is now that of a WebSocket. */
  complete(): void {
    if (!this.#isOver) this.#over(true);
  }

  /** Ends the exchange without a complete response: the connection is closed. */
  abort(): void {
    if (this.#isOver) return;
    this.#over(false);
    this.upgrade?.refuse(clientGone());
    this.client.disconnect();
  }

  #continue(): void {
    if (this.awaitsContinue && !this.isHeadSent) {
      this.#write(`HTTP/1.1 100 Continue${CRLF}${CRLF}`, NOTHING, "")
        ?.catch(() => {});
    }
    this.awaitsContinue = false;
  }

  #send(body: Uint8Array, tail: string): Promise<void> | undefined {
    const head = this.#head;
    this.#head = "";
    if (head.length + body.length + tail.length === 0) return undefined;
    this.isHeadSent = true;
    return this.#write(head, body, tail);
  }

  #write(
    head: string,
    body: Uint8Array,
    tail: string,
  ): Promise<void> | undefined {
    const { connection } = this;
    return sendParts(connection.conn, head, body, tail)?.catch(() => {
      connection.destroy();
      throw clientGone();
    });
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#over(true);
    this.connection.onAnswered(this);
  }

  #over(isSent: boolean): void {
    this.#isOver = true;
    this.#info?.complete(isSent);
    this.body?.fail(
      new Deno.errors.ConnectionAborted(
        "Cannot read the request: the client has gone, or has its response",
      ),
    );
    this.body?.discard();
    this.connection.onOver();
  }
}
