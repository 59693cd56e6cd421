import type { InheritedConn } from "../mod.ts";
import { CloseWord } from "../cli/close_word.ts";

/** How long a peer may take to close its side once it was told that we did. */
const LINGER_MS = 1_000;

/** How long nothing must come before what was sent counts as received. */
const QUIET_MS = 100;

/** How much is received from a client that waits, unless it has sent all. */
const HELD_BYTES = 64 * 1024;

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
  /** Resolves when the connection is admitted; undefined if it did not wait. */
  #admission: PromiseWithResolvers<void> | undefined;

  /**
   * @param options.waits Whether nothing is echoed before {@linkcode admit}. Of a
   * client that sends its last byte meanwhile, within the first 64 KiB, all is
   * received: its echo is sent at once, and a client that has left frees its place.
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
   * @param onChunk Called with each chunk once it is on its way back; the chunk is
   * valid during the call.
   * @throws {Error} The peer is gone.
   */
  async serve(onChunk?: (chunk: Uint8Array) => void): Promise<void> {
    const conn = this.#conn;
    const closeWord = this.#closeWord;
    const echo = (chunk: Uint8Array): Promise<void> | undefined => {
      if (this.#ended) return;
      this.#bytes += chunk.length;
      const sending = conn.writeChunk(chunk);
      onChunk?.(chunk);
      if (closeWord.completedBy(chunk)) this.#end(LINGER_MS);
      return sending && this.#sent(sending);
    };
    try {
      const ended = this.#admission && await this.#wait(echo);
      if (!ended) await conn.forEachChunk(echo);
      await conn.closeWrite();
    } finally {
      this.close();
    }
  }

  /** Lets a connection that waits be served. */
  admit(): void {
    this.#seen.at = performance.now();
    this.#admission?.resolve();
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

  /**
   * Receives up to 64 KiB until the connection is admitted or the client has sent
   * all, and echoes them then.
   *
   * @returns Whether the client has sent its last byte.
   */
  async #wait(
    echo: (chunk: Uint8Array) => Promise<void> | undefined,
  ): Promise<boolean> {
    const admitted = this.#admission!.promise;
    const held: Uint8Array[] = [];
    let heldBytes = 0;
    let reading = this.#conn.readChunk();
    for (;;) {
      const chunk = await Promise.race([admitted, reading]);
      if (!chunk) break;
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= HELD_BYTES) await admitted;
      reading = this.#conn.readChunk();
    }
    for (const chunk of held) await echo(chunk);
    // The read that is under way comes before those of forEachChunk.
    const next = await reading;
    if (next) await echo(next);
    return next === null;
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
