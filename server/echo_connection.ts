import type { InheritedConn } from "../mod.ts";
import { CloseWord } from "../cli/close_word.ts";

/** The time in which a peer must close its side after the server, in milliseconds. */
const LINGER_MS = 1_000;

/** The silence after which all sent data counts as received, in milliseconds. */
const QUIET_MS = 100;

/** The most bytes received from a waiting client that has not sent its end. */
const WAITING_BYTES = 64 * 1024;

/** Echoes every byte of one peer, in order. */
export class EchoConnection {
  readonly #conn: InheritedConn;
  readonly #closeWord = new CloseWord();
  #bytes = 0;
  /** The number of bytes, and the time, of the last change seen by `silentSince`. */
  #seen = { bytes: 0, at: performance.now() };
  #writing = false;
  #ended = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Resolves when the connection is admitted; undefined if it does not wait. */
  #admission: PromiseWithResolvers<void> | undefined;

  /**
   * @param options.waits Whether the connection waits for {@linkcode admit}. A waiting
   * client that sends its end within 64 KiB is served at once, so that a client that has
   * left frees its place.
   */
  constructor(conn: InheritedConn, { waits = false } = {}) {
    this.#conn = conn;
    if (waits) this.#admission = Promise.withResolvers();
  }

  /** The number of received bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Echoes until the peer has sent its last byte or `close`, then closes the
   * connection.
   *
   * @param onChunk Called with each chunk after its write has started; the chunk is valid
   * during the call.
   * @throws {Error} The peer has gone.
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

  /** Starts to serve a waiting connection. */
  admit(): void {
    this.#seen.at = performance.now();
    this.#admission?.resolve();
  }

  /**
   * Returns the time since the last received byte, in milliseconds, in the resolution of
   * the calls.
   */
  silentSince(now: number): number {
    if (this.#seen.bytes !== this.#bytes) {
      this.#seen = { bytes: this.#bytes, at: now };
    }
    return now - this.#seen.at;
  }

  /** Echoes all received data, then ends the connection. */
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
   * Receives up to 64 KiB until the connection is admitted or the client has sent its end,
   * then echoes them.
   *
   * @returns Whether the client has sent its last byte.
   */
  async #wait(
    echo: (chunk: Uint8Array) => Promise<void> | undefined,
  ): Promise<boolean> {
    const admitted = this.#admission!.promise;
    const queue: Uint8Array[] = [];
    let bytes = 0;
    let reading = this.#conn.readChunk();
    for (;;) {
      const chunk = await Promise.race([admitted, reading]);
      if (!chunk) break;
      queue.push(chunk);
      bytes += chunk.length;
      if (bytes >= WAITING_BYTES) await admitted;
      reading = this.#conn.readChunk();
    }
    for (const chunk of queue) await echo(chunk);
    // The pending read precedes those of forEachChunk.
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
   * Half-closes the connection and waits for the peer to close: closing a unix socket
   * with unread input resets the peer and drops the last sent bytes.
   */
  #end(lingerMs: number): void {
    this.#ended = true;
    this.#linger = setTimeout(() => this.close(), lingerMs);
    this.#conn.closeWrite().catch(() => this.close());
  }
}
