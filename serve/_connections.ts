import type { ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/**
 * The time that a new client has for its first request when the service stops, in
 * milliseconds.
 */
const FIRST_REQUEST_MS = 500;

/** The connections of one server, with their requests, to drain them. */
export class Connections {
  readonly #server: Server;
  /** The connections after any handshake, with the number of pending requests. */
  readonly #open = new Map<Socket, number>();
  /** With TLS, the TCP sockets, also those with a pending handshake. */
  readonly #raw = new Set<Socket>();
  #changed = Promise.withResolvers<void>();

  constructor(server: Server, secure: boolean) {
    this.#server = server;
    if (!secure) {
      server.on("connection", (socket) => this.#add(socket));
      return;
    }
    server.on("secureConnection", (socket: Socket) => this.#add(socket));
    server.on("connection", (socket) => {
      this.#raw.add(socket);
      socket.once("close", () => {
        this.#raw.delete(socket);
        this.#changed.resolve();
      });
    });
  }

  /** Counts a request until its response is closed. */
  answering(socket: Socket, outgoing: ServerResponse): void {
    const count = (by: number) => {
      const requests = this.#open.get(socket);
      if (requests !== undefined) this.#open.set(socket, requests + by);
    };
    count(1);
    outgoing.once("close", () => {
      count(-1);
      this.#changed.resolve();
    });
  }

  /**
   * Stops accepting, and waits until all connections are closed: the idle ones at once,
   * the others with their response.
   */
  async drain(): Promise<void> {
    let inGracePeriod = true;
    const timer = setTimeout(() => {
      inGracePeriod = false;
      this.#changed.resolve();
    }, FIRST_REQUEST_MS);
    // Also closes connections that are idle between two requests.
    this.#server.close();
    while (this.#open.size + this.#raw.size > 0) {
      this.#changed = Promise.withResolvers();
      if (!inGracePeriod) this.#closeUnused();
      await this.#changed.promise;
    }
    clearTimeout(timer);
  }

  /** Closes all connections at once. */
  abort(): void {
    for (const socket of [...this.#open.keys(), ...this.#raw]) {
      socket.destroy();
    }
  }

  /** Closes connections without a request, and then those with a pending handshake. */
  #closeUnused(): void {
    for (const [socket, requests] of this.#open) {
      if (requests === 0) socket.destroy();
    }
    if (this.#open.size === 0) {
      for (const socket of this.#raw) socket.destroy();
    }
  }

  #add(socket: Socket): void {
    this.#open.set(socket, 0);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#changed.resolve();
    });
  }
}
