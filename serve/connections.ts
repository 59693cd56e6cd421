import type { ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/**
 * How long a client that has just connected may take to say what it wants, when
 * the service stops; in milliseconds.
 */
const FIRST_REQUEST_MS = 500;

/** The connections of one server, as far as it takes to end them well. */
export class Connections {
  readonly #server: Server;
  /** Those that talk HTTP, and how many of their requests are being answered. */
  readonly #open = new Map<Socket, number>();
  /** Under TLS, those below them: also the ones whose handshake goes on. */
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

  /** Notes that a request is being answered. */
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
   * Accepts no more, and waits until all connections have come to their end:
   * those that are idle at once, the others with their response.
   */
  async drain(): Promise<void> {
    let patient = true;
    const timer = setTimeout(() => {
      patient = false;
      this.#changed.resolve();
    }, FIRST_REQUEST_MS);
    // This also closes those that are idle between two requests.
    this.#server.close();
    while (this.#open.size + this.#raw.size > 0) {
      this.#changed = Promise.withResolvers();
      if (!patient) this.#closeUnused();
      await this.#changed.promise;
    }
    clearTimeout(timer);
  }

  /** Ends all connections, whatever they are at. */
  cut(): void {
    for (const socket of [...this.#open.keys(), ...this.#raw]) {
      socket.destroy();
    }
  }

  /** Ends those without a request, and the handshakes once nothing else is left. */
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
