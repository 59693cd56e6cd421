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
  #chunks = 0;
  /** How many chunks there were, and when, as last seen by `silentSince`. */
  #seen = { chunks: 0, at: performance.now() };
  #writing = false;
  #ended = false;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(conn: InheritedConn) {
    this.#conn = conn;
  }

  /**
   * Echoes until the peer has sent its last byte or `close`, then closes the
   * connection.
   *
   * @param onChunk Called with each chunk before it is echoed.
   * @throws {Error} The peer is gone.
   */
  async serve(onChunk: (chunk: Uint8Array) => void): Promise<void> {
    try {
      for (let chunk; (chunk = await this.#conn.readChunk()) !== null;) {
        if (this.#ended) continue;
        this.#chunks += 1;
        this.#writing = true;
        onChunk(chunk);
        await this.#conn.write(chunk);
        this.#writing = false;
        if (this.#closeWord.completedBy(chunk)) this.#end(LINGER_MS);
      }
      await this.#conn.closeWrite();
    } finally {
      this.close();
    }
  }

  /**
   * Returns for how long nothing has come, in milliseconds, as far as earlier
   * calls can tell.
   */
  silentSince(now: number): number {
    if (this.#seen.chunks !== this.#chunks) {
      this.#seen = { chunks: this.#chunks, at: now };
    }
    return now - this.#seen.at;
  }

  /** Lets what has been received be echoed, then ends the connection. */
  async drain(): Promise<void> {
    while (!this.#ended) {
      const before = this.#chunks;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      if (!this.#writing && this.#chunks === before) this.#end(QUIET_MS);
    }
  }

  /** Closes the connection at once. */
  close(): void {
    this.#ended = true;
    clearTimeout(this.#linger);
    this.#conn[Symbol.dispose]();
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
