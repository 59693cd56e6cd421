import type { Acceptor } from "./acceptor.ts";

interface PendingAccept<C> {
  resolve(conn: C): void;
  reject(error: Error): void;
}

/**
 * A `Deno.Listener` over an adopted socket. Deno accepts as soon as peers
 * connect; connections that nobody asked for yet wait here, unread, in order.
 */
export class AdoptedListener<C extends Deno.Conn<A>, A extends Deno.Addr>
  implements Deno.Listener<C, A>, AsyncIterableIterator<C> {
  readonly addr: A;
  readonly #acceptor: Acceptor<C>;
  /** Accepted and not taken yet, in order. */
  readonly #waiting: C[] = [];
  #pendingAccept: PendingAccept<C> | undefined;
  #iterated = false;
  #closed = false;
  #refed = true;

  constructor(acceptor: Acceptor<C>, addr: A) {
    this.#acceptor = acceptor;
    this.addr = addr;
    acceptor.start(
      (conn) => this.#take(conn),
      (error) => this.#fail(error),
    );
    // Like Deno's own listener: only somebody waiting keeps the process alive.
    acceptor.unref();
  }

  accept(): Promise<C> {
    if (this.#closed) return Promise.reject(listenerClosed());
    if (this.#pendingAccept !== undefined) {
      return Promise.reject(
        new Deno.errors.Busy("Another accept task is ongoing"),
      );
    }
    const conn = this.#waiting.shift();
    if (conn !== undefined) return Promise.resolve(conn);
    if (this.#refed) this.#acceptor.ref();
    return new Promise((resolve, reject) => {
      this.#pendingAccept = { resolve, reject };
    });
  }

  close(): void {
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
    this.#closed = true;
    this.#acceptor.close();
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
      return { value: accepted ?? await this.accept(), done: false };
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
    if (this.#pendingAccept !== undefined) this.#acceptor.ref();
  }

  unref(): void {
    this.#refed = false;
    this.#acceptor.unref();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  #take(conn: C): void {
    if (this.#closed) {
      // A handshake that went on while the listener was closed.
      conn.close();
      return;
    }
    const pending = this.#pendingAccept;
    if (pending === undefined) {
      this.#waiting.push(conn);
      return;
    }
    this.#pendingAccept = undefined;
    this.#acceptor.unref();
    pending.resolve(conn);
  }

  #fail(error: Error): void {
    this.#pendingAccept?.reject(error);
    this.#pendingAccept = undefined;
  }

  #dropWaiting(): void {
    for (const conn of this.#waiting.splice(0)) conn.close();
  }
}

function listenerClosed(): Error {
  return new Deno.errors.BadResource("Listener has been closed");
}
