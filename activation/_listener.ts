import type { Acceptor } from "./_transport.ts";

interface PendingAccept<C> {
  resolve(conn: C): void;
  reject(error: Error): void;
}

/**
 * A `Deno.Listener` over an adopted socket. Deno accepts connections as soon as
 * peers connect; this class queues them, paused, until `accept()` returns them.
 */
export class AcceptorListener<C extends Deno.Conn<A>, A extends Deno.Addr>
  implements Deno.Listener<C, A>, AsyncIterableIterator<C> {
  readonly addr: A;
  readonly #acceptor: Acceptor<C>;
  readonly #queue: C[] = [];
  #pendingAccept: PendingAccept<C> | undefined;
  #iterated = false;
  #closed = false;
  #refed = true;

  constructor(acceptor: Acceptor<C>) {
    this.#acceptor = acceptor;
    this.addr = acceptor.addr as Deno.Addr as A;
    acceptor.start(
      (conn) => this.#onConnection(conn),
      (error) => this.#fail(error),
    );
    // As with `Deno.listen()`, only a pending accept keeps the process alive.
    acceptor.unref();
  }

  accept(): Promise<C> {
    if (this.#closed) return Promise.reject(listenerClosed());
    if (this.#pendingAccept !== undefined) {
      return Promise.reject(
        new Deno.errors.Busy("Another accept task is ongoing"),
      );
    }
    const conn = this.#queue.shift();
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
    this.#fail(listenerClosed());
    // An iteration under way still returns the queued connections.
    if (!this.#iterated) this.#closeQueued();
  }

  async next(): Promise<IteratorResult<C, undefined>> {
    this.#iterated = true;
    try {
      const queued = this.#closed ? this.#queue.shift() : undefined;
      return { value: queued ?? await this.accept(), done: false };
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      return { value: undefined, done: true };
    }
  }

  return(): Promise<IteratorResult<C, undefined>> {
    this.#iterated = false;
    this[Symbol.dispose]();
    this.#closeQueued();
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

  #onConnection(conn: C): void {
    if (this.#closed) {
      // A TLS handshake was under way when the listener was closed.
      conn.close();
      return;
    }
    const pending = this.#pendingAccept;
    if (pending === undefined) {
      this.#queue.push(conn);
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

  #closeQueued(): void {
    for (const conn of this.#queue.splice(0)) conn.close();
  }
}

function listenerClosed(): Error {
  return new Deno.errors.BadResource("Listener has been closed");
}
