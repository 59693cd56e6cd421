import type { HandledConn } from "../activation/_conn.ts";
import { READ_MS } from "../activation/_timer.ts";
import type { Acceptor } from "../activation/_transport.ts";
import type { NewParser } from "../runtime/request_parser.ts";
import type { WebSocketBinding } from "../runtime/web_socket.ts";
import type { AnswerOptions } from "./_answer.ts";
import { HEADERS_CHECK_MS } from "./_http_limits.ts";
import { RequestHold } from "./_request_hold.ts";
import {
  type ConnectionOptions,
  ServedConnection,
} from "./_served_connection.ts";
import type { ServiceServer, ServiceServerEvents } from "./_service_server.ts";
import { WebSockets } from "./_web_sockets.ts";

/**
 * Serves HTTP/1 by the parser below `node:http`, in half of the time of a bare handler
 * of `node:http`.
 */
export class ParserServer implements ServiceServer {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #newParser: NewParser;
  readonly #acceptor: Acceptor<HandledConn>;
  readonly #options: AnswerOptions;
  readonly #connections = new Set<ServedConnection>();
  readonly #webSockets: WebSockets | undefined;
  /** Set while the server drains. */
  #drained: PromiseWithResolvers<void> | undefined;
  #requests: RequestHold | undefined;
  #isRef = true;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    newParser: NewParser,
    acceptor: Acceptor<HandledConn>,
    options: AnswerOptions,
    webSockets?: WebSocketBinding,
  ) {
    this.addr = acceptor.addr;
    this.#newParser = newParser;
    this.#acceptor = acceptor;
    this.#options = options;
    if (options.webSocket) {
      this.#webSockets = new WebSockets(webSockets, () => this.#settle());
    }
  }

  start(events: ServiceServerEvents): void {
    const requests = this.#requests = new RequestHold(events);
    const options: ConnectionOptions = {
      newParser: this.#newParser,
      answer: this.#options,
      hold: events.hold,
      requests,
      isStopping: () => this.#drained !== undefined,
      onClosed: (connection) => this.#delete(connection),
      webSockets: this.#webSockets,
    };
    this.#acceptor.start((conn) => {
      if (!this.#isRef) conn.unref();
      const connection = new ServedConnection(conn, options);
      this.#connections.add(connection);
      if (this.#connections.size === 1) {
        this.#timer = setInterval(() => {
          // After a pause of the process, the data that has arrived is read first.
          Deno.unrefTimer(setTimeout(() => this.#check(), READ_MS));
        }, HEADERS_CHECK_MS);
        Deno.unrefTimer(this.#timer);
      }
      connection.start();
    }, events.onAcceptError);
  }

  async drain(): Promise<void> {
    this.#drained = Promise.withResolvers();
    this.#acceptor.close();
    this.#requests?.stop();
    for (const each of this.#connections) each.stop();
    this.#webSockets?.drain();
    this.#settle();
    await this.#drained.promise;
  }

  abort(): void {
    for (const each of this.#connections) each.destroy();
    this.#webSockets?.abort();
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? "ref" : "unref";
    this.#acceptor[method]();
    for (const { conn } of this.#connections) conn[method]();
  }

  #delete(connection: ServedConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#settle();
  }

  #settle(): void {
    const isOver = this.#connections.size === 0 && !this.#webSockets?.size;
    if (isOver) this.#drained?.resolve();
  }

  #check(): void {
    const now = performance.now();
    for (const each of this.#connections) each.check(now);
  }
}
