import { type BenchPayload, WINDOW_BYTES } from "./bench_payload.ts";
import { ClientError, lostConnection } from "./client_error.ts";
import { deadline, LINGER_MS } from "./deadline.ts";
import { writeAll } from "./write_all.ts";

/** The shape of the load on one connection. */
export interface BenchLoad {
  /** The address argument, for messages. */
  addressText: string;
  /** The size of a message, in bytes. */
  sizeBytes: number;
  /** The number of messages in flight. */
  pipeline: number;
}

/**
 * One connection under load: sends the next message as soon as one has come back. Writing
 * and reading do not wait for each other, so that the server may buffer any amount.
 */
export class BenchConnection {
  readonly #conn: Deno.Conn;
  readonly #load: BenchLoad;
  readonly #payload: BenchPayload;
  /** The number of the connection, from 1. */
  readonly #number: number;
  /** The offset of its first byte in the payload. */
  readonly #start: number;
  /** The times at which the messages in flight were released, by number. */
  readonly #releasedAt: Float64Array;
  /** Bytes that may be sent. */
  #released = 0;
  /** Bytes whose write has started. */
  #begun = 0;
  #received = 0;
  /** Messages received. */
  #messages = 0;
  #writing = false;
  #stopped = false;

  /** Connections start at different messages, so that a mix-up is detected. */
  constructor(
    conn: Deno.Conn,
    number: number,
    load: BenchLoad,
    payload: BenchPayload,
  ) {
    this.#conn = conn;
    this.#number = number;
    this.#load = load;
    this.#payload = payload;
    this.#start = (number - 1) * load.sizeBytes;
    this.#releasedAt = new Float64Array(load.pipeline);
  }

  /** The number of received bytes. */
  get received(): number {
    return this.#received;
  }

  /** The progress in words, for messages. */
  get progress(): string {
    return `connection ${this.#number} got ${this.#received} of ${this.#begun} bytes back`;
  }

  /**
   * Sends messages until {@linkcode stop}, and closes the connection after the last
   * reply.
   *
   * @param onLatency Called with the latency of a message in milliseconds; not after
   * `stop`.
   * @throws {ClientError} The connection is lost, or a reply is wrong.
   */
  async run(onLatency: (ms: number) => void): Promise<void> {
    const { sizeBytes, pipeline } = this.#load;
    const buffer = new Uint8Array(
      Math.min(WINDOW_BYTES, Math.max(4_096, sizeBytes * pipeline)),
    );
    this.#release(pipeline, performance.now());
    while (this.#received < this.#released) {
      const count = await this.#read(buffer);
      if (count === null) throw this.#lost("the server closed it");
      const now = performance.now();
      this.#verify(buffer.subarray(0, count));
      this.#received += count;
      const before = this.#messages;
      this.#messages = Math.floor(this.#received / sizeBytes);
      if (this.#stopped) continue;
      for (let message = before; message < this.#messages; message++) {
        onLatency(now - this.#releasedAt[message % pipeline]!);
      }
      this.#release(this.#messages - before, now);
    }
    await this.#close(buffer);
  }

  /** Starts no more messages; completes the started ones. */
  stop(): void {
    this.#stopped = true;
    const { sizeBytes } = this.#load;
    // A pending read waits for at least one message, even if its write has not returned.
    const begun = Math.max(this.#begun, this.#received + 1);
    this.#released = Math.min(
      this.#released,
      Math.ceil(begun / sizeBytes) * sizeBytes,
    );
  }

  #release(messages: number, now: number): void {
    const { sizeBytes, pipeline } = this.#load;
    const first = this.#released / sizeBytes;
    for (let message = first; message < first + messages; message++) {
      this.#releasedAt[message % pipeline] = now;
    }
    this.#released += messages * sizeBytes;
    if (!this.#writing) this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#begun < this.#released) {
        const bytes = this.#payload.at(
          this.#start + this.#begun,
          this.#released - this.#begun,
        );
        this.#begun += bytes.length;
        await writeAll(this.#conn, bytes);
      }
    } catch {
      // Reading reports the reason and the number of bytes.
      return;
    }
    this.#writing = false;
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(buffer);
    } catch (error) {
      throw this.#lost(error instanceof Error ? error.message : `${error}`);
    }
  }

  #verify(bytes: Uint8Array): void {
    const difference = this.#payload.differenceAt(
      bytes,
      this.#start + this.#received,
    );
    if (difference !== -1) {
      const offset = this.#received + difference;
      throw this.#wrong(`the byte at offset ${offset} is not the one sent`);
    }
    if (this.#received + bytes.length > this.#begun) {
      throw this.#wrong(`more than the ${this.#begun} bytes sent came back`);
    }
  }

  /** Half-closes the connection, and lets the server close first. */
  async #close(buffer: Uint8Array): Promise<void> {
    const rest = this.#conn.closeWrite().then(() => this.#conn.read(buffer));
    // All replies are complete: an error of the server at the end is ignored.
    const more = await deadline(rest, LINGER_MS, () => new Error("late"))
      .catch(() => null);
    if (more !== null) {
      throw this.#wrong(`more than the ${this.#begun} bytes sent came back`);
    }
    this.#conn[Symbol.dispose]();
  }

  #lost(cause: string): ClientError {
    const { addressText } = this.#load;
    return lostConnection(addressText, `${cause}; ${this.progress}`);
  }

  #wrong(what: string): ClientError {
    return new ClientError(
      `Wrong echo from "${this.#load.addressText}": on connection ${this.#number}, ${what}`,
    );
  }
}
