import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { listenerAddr } from "../activation/_address.ts";
import {
  type CertificateHolder,
  checkCertificate,
  HANDSHAKE_TIMEOUT_MS,
  prepareTlsServer,
} from "../activation/_tls_transport.ts";
import type { Certificate } from "../activation/listen_tls.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import type { AnswerOptions } from "./_answer.ts";
import { answerMessage } from "./_answer_message.ts";
import { REASONS } from "./_reasons.ts";
import { ClientState } from "./_request.ts";
import {
  CLIENT_ERRORS,
  GRACE_MS,
  HEADERS_CHECK_MS,
  HEADERS_TIMEOUT_MS,
  type ServiceServer,
  type ServiceServerEvents,
} from "./_service_server.ts";

/**
 * Opens a server that a callback makes listen.
 *
 * @param holders Gets what changes the certificate.
 * @throws {Deno.errors.InvalidData} The certificate or the key is invalid, or they do
 * not belong together.
 */
export async function openNodeServer(
  certificate: Certificate | undefined,
  options: AnswerOptions,
  holders: CertificateHolder[],
  listen: (server: Server) => Promise<void>,
): Promise<NodeServer> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: HEADERS_CHECK_MS,
    // The handler decides on the time for a body.
    requestTimeout: 0,
  };
  let server: Server;
  if (certificate === undefined) {
    const { createServer } = await import("node:http");
    server = createServer(limits);
  } else {
    await checkCertificate(certificate);
    const { createServer } = await import("node:https");
    const handshakeTimeout = HANDSHAKE_TIMEOUT_MS;
    const secured = createServer({
      ...limits,
      ...certificate,
      handshakeTimeout,
    });
    prepareTlsServer(secured);
    holders.push({
      async setCertificate(certificate) {
        await checkCertificate(certificate);
        secured.setSecureContext(certificate);
      },
    });
    server = secured;
  }
  const opened = new NodeServer(server, options);
  await listen(server);
  return opened;
}

/** A request and its response. */
interface Exchange {
  message: IncomingMessage;
  outgoing: ServerResponse;
  client: ClientState;
  isStarted?: true;
}

/**
 * Serves by a server of `node:http` or `node:https`: the insurance for a runtime whose
 * internals have another shape.
 */
export class NodeServer implements ServiceServer {
  readonly #server: Server;
  readonly #options: AnswerOptions;
  /** The connections after any handshake, with their unanswered requests, in order. */
  readonly #open = new Map<Socket, Exchange[]>();
  /** With TLS, the TCP sockets, also those with a pending handshake. */
  readonly #raw = new Set<Socket>();
  #hold: ServiceServerEvents["hold"] = () => () => {};
  /** Set while the server drains. */
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(server: Server, options: AnswerOptions) {
    this.#server = server;
    this.#options = {
      ...options,
      isStopping: () => this.#drained !== undefined,
    };
    for (const event of ["request", "checkContinue"]) {
      server.on(event, (message: IncomingMessage, outgoing: ServerResponse) => {
        const client = new ClientState();
        this.#enqueue(message.socket, { message, outgoing, client });
      });
    }
    server.on("clientError", (error, socket) => this.#refuse(error, socket));
    server.on("connection", (socket) => {
      this.#raw.add(socket);
      socket.once("close", () => this.#delete(socket));
      if (!options.secure) this.#add(socket);
    });
    server.on("secureConnection", (socket: Socket) => this.#add(socket));
  }

  get addr(): Deno.NetAddr | Deno.UnixAddr {
    return listenerAddr(this.#server.address());
  }

  start({ onAcceptError, hold }: ServiceServerEvents): void {
    this.#hold = hold;
    this.#server.on("error", onAcceptError);
  }

  async drain(): Promise<void> {
    this.#drained = Promise.withResolvers();
    this.#server.close();
    for (const socket of this.#raw) this.#closeAfterGrace(socket);
    if (this.#raw.size > 0) await this.#drained.promise;
  }

  /** Closes a connection later if it has no request by then, or no handshake. */
  #closeAfterGrace(socket: Socket): void {
    const timer = setTimeout(() => {
      if (!this.#open.get(socket)?.length) socket.destroy();
    }, GRACE_MS);
    socket.once("close", () => clearTimeout(timer));
  }

  abort(): void {
    for (const socket of [...this.#open.keys(), ...this.#raw]) socket.destroy();
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
      const release = this.#hold();
      outgoing.once("close", () => {
        release();
        if (!outgoing.writableFinished) client.leave();
        exchanges.shift();
        this.#answerNext(socket, exchanges);
      });
      void answerMessage(message, outgoing, this.#options, client);
      return;
    }
    if (socket.isPaused()) socket.resume();
    if (this.#drained !== undefined) this.#closeAfterGrace(socket);
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

  #add(socket: Socket): void {
    const exchanges: Exchange[] = [];
    this.#open.set(socket, exchanges);
    socket.on("end", () => {
      if (exchanges.length > 0) socket.destroy();
    });
    socket.once("close", () => this.#open.delete(socket));
    if (this.#drained !== undefined) this.#closeAfterGrace(socket);
  }

  #delete(socket: Socket): void {
    this.#raw.delete(socket);
    if (this.#raw.size === 0) this.#drained?.resolve();
  }
}
