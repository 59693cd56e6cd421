import { setTimeLimit } from "../activation/_timer.ts";
import type { AdoptedConn } from "../mod.ts";
import { CloseWord } from "../cli/close_word.ts";

/** The time in which a peer must close its side after the server, in milliseconds. */
const LINGER_MS = 1_000;

/** The silence after which all sent data counts as received, in milliseconds. */
const QUIET_MS = 100;

/** Echoes every byte of one peer, in order. */
export class EchoConnection {
  readonly #conn: AdoptedConn;
  readonly #closeWord = new CloseWord();
  #bytes = 0;
  #writing = false;
  #ended = false;
  #endLinger = () => {};

  constructor(conn: AdoptedConn) {
    this.#conn = conn;
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
   * @throws {Error} The peer has closed or reset the connection.
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
      await conn.forEachChunk(echo);
      await conn.closeWrite();
    } finally {
      this.close();
    }
  }

  /** Echoes all received data, then ends the connection. */
  async drain(): Promise<void> {
    while (!this.#ended) {
      const before = this.#bytes;
      const wasWriting = this.#writing;
      await new Promise<void>((resolve) => setTimeLimit(resolve, QUIET_MS));
      // A write that has just ended is no silence: more may be read now.
      const isWriting = wasWriting || this.#writing;
      if (!isWriting && this.#bytes === before) this.#end(QUIET_MS);
    }
  }

  /** Closes the connection at once. */
  close(): void {
    this.#ended = true;
    this.#endLinger();
    this.#conn[Symbol.dispose]();
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
    this.#endLinger = setTimeLimit(() => this.close(), lingerMs);
    this.#conn.closeWrite().catch(() => this.close());
  }
}
