import type { InheritedListener } from "../mod.ts";
import { EchoConnection } from "./echo_connection.ts";

/** Serves every peer of a listener, each on its own. */
export class EchoServer {
  readonly #listener: InheritedListener;
  readonly #onChunk: (chunk: Uint8Array) => void;
  readonly #open = new Set<EchoConnection>();
  readonly #idle = Promise.withResolvers<void>();
  #stopping = false;

  /** @param onChunk Called with each chunk that a peer sent. */
  constructor(
    listener: InheritedListener,
    onChunk: (chunk: Uint8Array) => void,
  ) {
    this.#listener = listener;
    this.#onChunk = onChunk;
  }

  /** Serves until it was stopped and the last connection is closed. */
  async run(): Promise<void> {
    for await (const conn of this.#listener) {
      const connection = new EchoConnection(conn);
      this.#open.add(connection);
      // A peer that is gone is nobody else's concern.
      connection.serve(this.#onChunk).catch(() => {}).finally(() => {
        this.#open.delete(connection);
        this.#settle();
      });
      if (this.#stopping) connection.drain();
    }
    this.#settle();
    await this.#idle.promise;
  }

  /**
   * Accepts no more, and lets what has been received be echoed. Peers that
   * connect from now on wait in the kernel for the next instance.
   */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#listener.close();
    for (const connection of this.#open) connection.drain();
  }

  /** Closes every connection at once. */
  abort(): void {
    for (const connection of this.#open) connection.close();
  }

  #settle(): void {
    if (this.#stopping && this.#open.size === 0) this.#idle.resolve();
  }
}
