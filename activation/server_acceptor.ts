import type { Server, Socket } from "node:net";
import type { Acceptor } from "./acceptor.ts";
import { socketError } from "./socket_error.ts";

/** Accepts on a server of `node:net`, or of what is built on it. */
export class ServerAcceptor<C, S extends Socket = Socket>
  implements Acceptor<C> {
  readonly #server: Server;
  readonly #wrap: (socket: S) => C;
  readonly #event: "connection" | "secureConnection";

  /** @param event What the server emits when a connection is there to be taken. */
  constructor(
    server: Server,
    wrap: (socket: S) => C,
    event: "connection" | "secureConnection" = "connection",
  ) {
    this.#server = server;
    this.#wrap = wrap;
    this.#event = event;
  }

  start(
    onConnection: (conn: C) => void,
    onError: (error: Error) => void,
  ): void {
    this.#server.on(
      this.#event,
      (socket: S) => onConnection(this.#wrap(socket)),
    );
    this.#server.on("error", (error) => onError(socketError(error)));
  }

  close(): void {
    this.#server.close();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}
