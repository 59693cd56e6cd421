import type { InheritedConn } from "../mod.ts";
import { CloseWord } from "../cli/close_word.ts";

/** How long a peer may take to close its side once it was told that we did. */
const LINGER_MS = 1_000;

/** How long nothing must come before what was sent counts as received. */
const QUIET_MS = 100;

/** One peer: every byte that it sends goes back to it, in order. */
export class EchoConnection {
  readonly #conn: InheritedConn;
  readonly #closeWord = new CloseWord();
  #bytes = 0;
  /** How many bytes there were, and when, as last seen by `silentSince`. */
  #seen = { bytes: 0, at: performance.now() };
  #writing = false;
  #ended = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** What the first chunk waits for, and so all that the kernel has behind it. */
  #admission: PromiseWithResolvers<void> | undefined;

  /**
   * @param options.waits Whether nothing is echoed before {@linkcode admit}. A peer
   * that leaves without a word is let go all the same.
   */
  constructor(conn: InheritedConn, { waits = false } = {}) {
    this.#conn = conn;
    if (waits) this.#admission = Promise.withResolvers();
  }

  /** How much was received, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Echoes until the peer has sent its last byte or `close`, then closes the
   * connection.
   *
   * @param onChunk Called with each chunk before it is echoed; the chunk is valid
   * during the call.
   * @throws {Error} The peer is gone.
   */
  async serve(onChunk?: (chunk: Uint8Array) => void): Promise<void> {
    const conn = this.#conn;
    const closeWord = this.#closeWord;
    const echo = (chunk: Uint8Array): Promise<void> | undefined => {
      if (this.#ended) return;
      if (this.#admission) {
        return this.#admission.promise.then(() => echo(chunk));
      }
      this.#bytes += chunk.length;
      onChunk?.(chunk);
      const sending = conn.writeChunk(chunk);
      if (closeWord.completedBy(chunk)) this.#end(LINGER_MS);
      return sending && this.#sent(sending);
    };
    try {
      await this.#conn.forEachChunk(echo);
      await this.#conn.closeWrite();
    } finally {
      this.close();
    }
  }

  /** Lets a connection that waits be served. */
  admit(): void {
    this.#seen.at = performance.now();
    this.#admission?.resolve();
    this.#admission = undefined;
  }

  /**
   * Returns for how long nothing has come, in milliseconds, as far as earlier
   * calls can tell.
   */
  silentSince(now: number): number {
    if (this.#seen.bytes !== this.#bytes) {
      this.#seen = { bytes: this.#bytes, at: now };
    }
    return now - this.#seen.at;
  }

  /** Lets what has been received be echoed, then ends the connection. */
  async drain(): Promise<void> {
    while (!this.#ended) {
      const before = this.#bytes;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      if (!this.#writing && this.#bytes === before) this.#end(QUIET_MS);
    }
  }

  /** Closes the connection at once. */
  close(): void {
    this.#ended = true;
    clearTimeout(this.#linger);
    this.#conn[Symbol.dispose]();
  }

  async #sent(sending: Promise<void>): Promise<void> {
    this.#writing = true;
    await sending;
    this.#writing = false;
  }

  /**
   * Tells the peer that no more comes, and leaves the closing to it: a unix
   * socket that is closed with unread input takes back what was sent last.
   */
  #end(lingerMs: number): void {
    this.#ended = true;
    this.#linger = setTimeout(() => this.close(), lingerMs);
    this.#conn.closeWrite().catch(() => this.close());
  }
}
