import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2Session } from "node:http2";
import { Server, type Socket } from "node:net";
import { listenerAddr } from "../activation/_address.ts";
import { setTimeLimit } from "../activation/_timer.ts";
import { GRACE_MS } from "./_http_limits.ts";
import type { ServiceServer, ServiceServerEvents } from "./_service_server.ts";

/** A connection of HTTP/1. */
interface HttpSocket {
  /** The responses that are not complete. */
  responses: Set<ServerResponse>;
  isUpgraded: boolean;
  /** The number of bytes received before it became idle. */
  bytesBefore: number;
  isInGrace: boolean;
}

/**
 * A server of `node:net`, `node:http`, `node:https` or `node:http2`, or of a package
 * built on them, as a member of the service.
 */
export class NodeMember implements ServiceServer {
  readonly #server: Server;
  /** All connections; with TLS, the TCP sockets below it. */
  readonly #sockets = new Set<Socket>();
  readonly #httpSockets = new Map<Socket, HttpSocket>();
  readonly #sessions = new Set<Http2Session>();
  #events: ServiceServerEvents | undefined;
  #isStopping = false;
  #isTls = false;

  /** The holds of work that began before `start`. */
  readonly #early: (() => void)[] = [];

  /** @param server A server that does not listen yet. */
  constructor(server: Server) {
    this.#server = server;
    const isHttp1 = "closeIdleConnections" in server;
    const isHttp2 = "updateSettings" in server;
    server.prependListener("connection", (socket: Socket) => {
      this.#add(socket);
      if (!isHttp1 && !isHttp2) socket.once("close", this.#hold());
    });
    if (isHttp2) {
      server.on("session", (session: Http2Session) => this.#watch(session));
    }
    if (!isHttp1) return;
    this.#isTls = "setSecureContext" in server;
    server.prependListener(
      this.#isTls ? "secureConnection" : "connection",
      (socket: Socket) => void this.#of(socket),
    );
    for (const event of ["request", "checkContinue"]) {
      this.#before(
        event,
        (message: IncomingMessage, response: ServerResponse) => {
          // Requests of HTTP/2 are streams of a session.
          if (message.httpVersionMajor < 2) {
            this.#begin(message.socket, response);
          }
        },
      );
    }
    this.#before("upgrade", ({ socket }: IncomingMessage) => {
      this.#of(socket).isUpgraded = true;
      socket.once("close", this.#hold());
    });
  }

  get addr(): Deno.NetAddr | Deno.UnixAddr {
    return listenerAddr(this.#server.address());
  }

  start(events: ServiceServerEvents): void {
    this.#events = events;
    this.#server.on("error", events.onAcceptError);
    for (const hold of this.#early.splice(0)) hold();
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  async drain(): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => {
      // `close()` of an HTTP server would also close idle connections that have received
      // a request.
      Server.prototype.close.call(this.#server, () => resolve());
    });
    for (const session of this.#sessions) session.close();
    for (const [socket, { responses }] of this.#httpSockets) {
      responses.forEach(closeAfter);
      if (responses.size === 0) this.#close(socket);
    }
    const timer = this.#isTls
      ? setTimeout(() => this.#closePending(), GRACE_MS)
      : undefined;
    await closed;
    clearTimeout(timer);
  }

  abort(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  setRef(isRef: boolean): void {
    this.#server[isRef ? "ref" : "unref"]();
  }

  #hold(): () => void {
    if (this.#events !== undefined) return this.#events.hold();
    let release: (() => void) | undefined;
    let isOver = false;
    this.#early.push(() => {
      if (!isOver) release = this.#events!.hold();
    });
    return () => {
      isOver = true;
      release?.();
    };
  }

  /** Calls back before the listeners of the program, if it has any. */
  #before<A extends unknown[]>(
    event: string,
    callback: (...args: A) => void,
  ): void {
    const listener = callback as (...args: unknown[]) => void;
    const server = this.#server;
    const add = () => server.prependListener(event, listener);
    // A listener alone would change how the server handles such requests.
    if (server.listenerCount(event) > 0) {
      add();
      return;
    }
    const onNew = (name: string | symbol) => {
      if (name !== event) return;
      server.off("newListener", onNew);
      add();
    };
    server.on("newListener", onNew);
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #of(socket: Socket): HttpSocket {
    let found = this.#httpSockets.get(socket);
    if (found === undefined) {
      found = {
        responses: new Set(),
        isUpgraded: false,
        bytesBefore: 0,
        isInGrace: false,
      };
      this.#httpSockets.set(socket, found);
      socket.once("close", () => this.#httpSockets.delete(socket));
    }
    return found;
  }

  #begin(socket: Socket, response: ServerResponse): void {
    const { responses } = this.#of(socket);
    const release = this.#hold();
    responses.add(response);
    if (this.#isStopping) closeAfter(response);
    response.once("close", () => {
      responses.delete(response);
      release();
      if (this.#isStopping && responses.size === 0) this.#close(socket);
    });
  }

  /** Closes an idle connection after the grace period, unless it has received more. */
  #close(socket: Socket): void {
    const state = this.#of(socket);
    if (state.isUpgraded || state.isInGrace || socket.destroyed) return;
    state.isInGrace = true;
    state.bytesBefore = socket.bytesRead;
    const cancel = setTimeLimit(() => {
      state.isInGrace = false;
      const isIdle = state.responses.size === 0 && !state.isUpgraded;
      const hasReceived = socket.bytesRead !== state.bytesBefore;
      // A TLS client must get close_notify.
      if (isIdle && !hasReceived) socket.destroySoon();
    }, GRACE_MS);
    socket.once("close", cancel);
  }

  /** Closes connections whose TLS handshake has not ended. */
  #closePending(): void {
    const peer = (socket: Socket) =>
      `${socket.remoteAddress} ${socket.remotePort}`;
    const secured = new Set([...this.#httpSockets.keys()].map(peer));
    for (const socket of this.#sockets) {
      if (!secured.has(peer(socket))) socket.destroy();
    }
  }

  #watch(session: Http2Session): void {
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
    session.on(
      "stream",
      (stream) => stream.once("close", this.#hold()),
    );
    if (this.#isStopping) session.close();
  }
}

/** Makes a response the last on its connection. */
function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
