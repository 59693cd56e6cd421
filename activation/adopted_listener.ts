import type { Server, Socket } from "node:net";
import { socketError } from "./socket_error.ts";

interface PendingAccept<C> {
  resolve(conn: C): void;
  reject(error: Error): void;
}

/**
 * A `Deno.Listener` over a server of `node:net`. Deno accepts as soon as peers
 * connect; connections that nobody asked for yet wait here, unread, in order.
 */
export class AdoptedListener<C extends Deno.Conn<A>, A extends Deno.Addr>
  implements Deno.Listener<C, A>, AsyncIterableIterator<C> {
  readonly addr: A;
  readonly #server: Server;
  readonly #wrap: (socket: Socket) => C;
  /** Accepted and not taken yet, in order. */
  readonly #waiting: Socket[] = [];
  #pendingAccept: PendingAccept<C> | undefined;
  #iterated = false;
  #closed = false;
  #refed = true;

  /** @param event What the server emits when a connection is there to be taken. */
  constructor(
    server: Server,
    addr: A,
    wrap: (socket: Socket) => C,
    event: "connection" | "secureConnection" = "connection",
  ) {
    this.#server = server;
    this.addr = addr;
    this.#wrap = wrap;
    server.on(event, (socket: Socket) => this.#take(socket));
    server.on("error", (error) => this.#fail(socketError(error)));
    // Like Deno's own listener: only somebody waiting keeps the process alive.
    server.unref();
  }

  accept(): Promise<C> {
    if (this.#closed) return Promise.reject(listenerClosed());
    if (this.#pendingAccept !== undefined) {
      return Promise.reject(
        new Deno.errors.Busy("Another accept task is ongoing"),
      );
    }
    const socket = this.#waiting.shift();
    if (socket !== undefined) return Promise.resolve(this.#wrap(socket));
    if (this.#refed) this.#server.ref();
    return new Promise((resolve, reject) => {
      this.#pendingAccept = { resolve, reject };
    });
  }

  close(): void {
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
    this.#closed = true;
    this.#server.close();
    this.#pendingAccept?.reject(listenerClosed());
    this.#pendingAccept = undefined;
    // An iteration gets what the kernel handed over before the close; with none
    // under way nobody would ever take these.
    if (!this.#iterated) this.#dropWaiting();
  }

  async next(): Promise<IteratorResult<C, undefined>> {
    this.#iterated = true;
    try {
      const accepted = this.#closed ? this.#waiting.shift() : undefined;
      const value = accepted === undefined
        ? await this.accept()
        : this.#wrap(accepted);
      return { value, done: false };
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      return { value: undefined, done: true };
    }
  }

  return(): Promise<IteratorResult<C, undefined>> {
    this.#iterated = false;
    this[Symbol.dispose]();
    this.#dropWaiting();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<C> {
    return this;
  }

  ref(): void {
    this.#refed = true;
    if (this.#pendingAccept !== undefined) this.#server.ref();
  }

  unref(): void {
    this.#refed = false;
    this.#server.unref();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  #take(socket: Socket): void {
    if (this.#closed) {
      // A handshake that went on while the listener was closed.
      socket.destroy();
      return;
    }
    const pending = this.#pendingAccept;
    if (pending === undefined) {
      // Until it is taken, a peer that resets has nobody else to tell.
      socket.on("error", ignore);
      this.#waiting.push(socket);
      return;
    }
    this.#pendingAccept = undefined;
    this.#server.unref();
    pending.resolve(this.#wrap(socket));
  }

  #fail(error: Error): void {
    this.#pendingAccept?.reject(error);
    this.#pendingAccept = undefined;
  }

  #dropWaiting(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }
}

function ignore(): void {}

function listenerClosed(): Error {
  return new Deno.errors.BadResource("Listener has been closed");
}
