import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { listenerAddr } from "../activation/_address.ts";
import {
  checkCertificate,
  HANDSHAKE_TIMEOUT_MS,
  prepareTlsServer,
} from "../activation/listen_tls.ts";
import type { AnswerOptions } from "./_answer.ts";
import { answerMessage } from "./_answer_message.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import { REASONS } from "./_reasons.ts";
import { ClientState } from "./_request.ts";
import {
  CLIENT_ERRORS,
  FIRST_REQUEST_MS,
  HEADERS_CHECK_MS,
  HEADERS_TIMEOUT_MS,
  type ServiceServer,
  type ServiceServerEvents,
} from "./_service_server.ts";
import type { Upgradable } from "./upgrade_web_socket.ts";

/** The code with which the sockets of a service that stops are closed. */
const GOING_AWAY = 1001;

/**
 * Returns a function that opens a server, which a callback makes listen.
 *
 * @throws {TypeError} Only one of the certificate and its key is given.
 * @throws {Deno.errors.InvalidData} They are invalid, or do not belong together.
 */
export async function nodeServerOpener(
  { cert, key }: { cert?: string | undefined; key?: string | undefined },
  options: AnswerOptions,
): Promise<
  (listen: (server: Server) => Promise<void>) => Promise<NodeServer>
> {
  const newServer = await serverFactory(cert, key);
  return async (listen) => {
    const server = newServer();
    const opened = new NodeServer(server, options);
    await listen(server);
    return opened;
  };
}

async function serverFactory(
  cert: string | undefined,
  key: string | undefined,
): Promise<() => Server> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: HEADERS_CHECK_MS,
    // The handler decides on the time for a body.
    requestTimeout: 0,
  };
  if (cert === undefined && key === undefined) {
    const { createServer } = await import("node:http");
    return () => createServer(limits);
  }
  if (cert === undefined || key === undefined) {
    throw new TypeError("Cannot use TLS: set both cert and key");
  }
  await checkCertificate(cert, key);
  const { createServer } = await import("node:https");
  const handshakeTimeout = HANDSHAKE_TIMEOUT_MS;
  return () => {
    const server = createServer({ ...limits, cert, key, handshakeTimeout });
    prepareTlsServer(server);
    return server;
  };
}

/** A request and its response. */
interface Exchange {
  message: IncomingMessage;
  outgoing: ServerResponse;
  client: ClientState;
  isStarted?: true;
}

/** Serves by a server of `node:http` or `node:https`. */
export class NodeServer implements ServiceServer {
  readonly #server: Server;
  readonly #options: AnswerOptions;
  /** The connections after any handshake, with their unanswered requests, in order. */
  readonly #open = new Map<Socket, Exchange[]>();
  /** With TLS, the TCP sockets, also those with a pending handshake. */
  readonly #raw = new Set<Socket>();
  readonly #webSockets = new Set<WebSocket>();
  #changed = Promise.withResolvers<void>();
  #onChange = (): void => {};

  constructor(server: Server, options: AnswerOptions) {
    this.#server = server;
    this.#options = options;
    for (const event of ["request", "checkContinue"]) {
      server.on(event, (message: IncomingMessage, outgoing: ServerResponse) => {
        const client = new ClientState();
        this.#enqueue(message.socket, { message, outgoing, client });
      });
    }
    if (options.webSocket) {
      server.on("upgrade", (message, connection, head) => {
        void this.#upgrade({ message, connection, head });
      });
    }
    server.on("clientError", (error, socket) => this.#refuse(error, socket));
    if (!options.secure) {
      server.on("connection", (socket) => this.#add(socket));
      return;
    }
    server.on("secureConnection", (socket: Socket) => this.#add(socket));
    server.on("connection", (socket) => {
      this.#raw.add(socket);
      this.#onChange();
      socket.once("close", () => {
        this.#raw.delete(socket);
        this.#changed.resolve();
        this.#onChange();
      });
    });
  }

  get addr(): Deno.NetAddr | Deno.UnixAddr {
    return listenerAddr(this.#server.address());
  }

  get connections(): number {
    return this.#open.size + this.#raw.size + this.#webSockets.size;
  }

  start({ onAcceptError, onChange }: ServiceServerEvents): void {
    this.#onChange = onChange;
    this.#server.on("error", onAcceptError);
  }

  async drain(): Promise<void> {
    for (const socket of this.#webSockets) socket.close(GOING_AWAY);
    let inGracePeriod = true;
    const timer = setTimeout(() => {
      inGracePeriod = false;
      this.#changed.resolve();
    }, FIRST_REQUEST_MS);
    // Also closes connections that are idle between two requests.
    this.#server.close();
    while (this.connections > 0) {
      this.#changed = Promise.withResolvers();
      if (!inGracePeriod) this.#closeUnused();
      await this.#changed.promise;
    }
    clearTimeout(timer);
  }

  abort(): void {
    for (const socket of [...this.#open.keys(), ...this.#raw]) {
      socket.destroy();
    }
    // The drain does not wait for these: Deno closes them when their client is silent.
    this.#webSockets.clear();
    this.#changed.resolve();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  /**
   * Answers the requests of a connection one at a time. While others wait, no more are
   * read: a client that sends without reading would fill the memory.
   */
  #enqueue(socket: Socket, exchange: Exchange): void {
    const { message } = exchange;
    const exchanges = this.#open.get(socket);
    if (exchanges === undefined) return;
    if (exchanges.push(exchange) > 1) socket.pause();
    // A chunk that is malformed in the same packet is refused before the handler runs.
    else if (message.method !== "GET" && message.method !== "HEAD") {
      setImmediate(() => this.#answerNext(socket, exchanges));
    } else this.#answerNext(socket, exchanges);
  }

  #answerNext(socket: Socket, exchanges: Exchange[]): void {
    const [next] = exchanges;
    if (next !== undefined && !socket.destroyed) {
      next.isStarted = true;
      const { message, outgoing, client } = next;
      outgoing.once("close", () => {
        if (!outgoing.writableFinished) client.leave();
        exchanges.shift();
        this.#answerNext(socket, exchanges);
      });
      void answerMessage(message, outgoing, this.#options, client);
      return;
    }
    if (socket.isPaused()) socket.resume();
    this.#changed.resolve();
  }

  async #upgrade(upgradable: Upgradable): Promise<void> {
    const { message } = upgradable;
    const connection = upgradable.connection as Socket;
    const outgoing = new ServerResponse(message);
    outgoing.assignSocket(connection);
    const client = new ClientState();
    await answerMessage(message, outgoing, this.#options, client, upgradable);
    const { socket } = upgradable;
    if (socket === undefined) return void connection.destroySoon();
    // The socket has taken the connection, which emits no more events.
    this.#webSockets.add(socket);
    this.#open.delete(connection);
    socket.addEventListener("close", () => {
      this.#webSockets.delete(socket);
      this.#changed.resolve();
      this.#onChange();
    });
    if (this.#options.isStopping()) socket.close(GOING_AWAY);
  }

  /** Responds to bytes that are not a request, and closes the connection. */
  #refuse(error: Error & { code?: string }, socket: Duplex): void {
    const status = CLIENT_ERRORS[error.code ?? ""] ?? 400;
    const requests = this.#open.get(socket as Socket);
    // The response to a request must not be taken for that to another.
    const isPending = requests?.some(({ isStarted }) => isStarted);
    requests?.splice(0);
    if (!socket.writable || isPending || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    logFailure(`Refused a request with status ${status}`, error);
    socket.end(
      `HTTP/1.1 ${status} ${REASONS[status]}\r\nConnection: close\r\n\r\n`,
    );
  }

  /** Closes connections without a request, and then those with a pending handshake. */
  #closeUnused(): void {
    for (const [socket, requests] of this.#open) {
      if (requests.length === 0) socket.destroy();
    }
    if (this.#open.size === 0) {
      for (const socket of this.#raw) socket.destroy();
    }
  }

  #add(socket: Socket): void {
    const exchanges: Exchange[] = [];
    this.#open.set(socket, exchanges);
    this.#onChange();
    socket.on("end", () => {
      if (exchanges.length > 0) socket.destroy();
    });
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#changed.resolve();
      this.#onChange();
    });
  }
}
