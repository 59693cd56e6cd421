import { type BenchPayload, WINDOW_BYTES } from "./bench_payload.ts";
import { ClientError } from "./client_error.ts";
import { deadline, LINGER_MS } from "./deadline.ts";
import { writeAll } from "./write_all.ts";

/** The shape of the load on one connection. */
export interface BenchLoad {
  /** The address as it was typed, for messages. */
  addressText: string;
  /** How many bytes a message has. */
  sizeBytes: number;
  /** How many messages are on their way at a time. */
  pipeline: number;
}

/**
 * One connection under load: as soon as a message has come back, the next one is
 * sent. Writing never waits for reading, nor the other way round, so that a server
 * may hold back as much as it likes.
 */
export class BenchConnection {
  readonly #conn: Deno.Conn;
  readonly #load: BenchLoad;
  readonly #payload: BenchPayload;
  /** Which connection it is, counted from 1. */
  readonly #number: number;
  /** Where in the payload it begins. */
  readonly #start: number;
  /** When the messages were let go that are on their way, by their numbers. */
  readonly #releasedAt: Float64Array;
  /** How many bytes may be sent; were given to be written; have come back. */
  #released = 0;
  #begun = 0;
  #received = 0;
  /** How many messages have come back. */
  #messages = 0;
  #writing = false;
  #stopped = false;

  /** Connections begin at different messages: mixing them up shows. */
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

  /** How many bytes have come back. */
  get received(): number {
    return this.#received;
  }

  /** How far it has come, for messages. */
  get progress(): string {
    return `connection ${this.#number} got ${this.#received} of ${this.#begun} bytes back`;
  }

  /**
   * Keeps messages going until {@linkcode stop}, and closes the connection when
   * the last ones have come back.
   *
   * @param onLatency Called with the milliseconds that a message took; not after
   * `stop`.
   * @throws {ClientError} The connection is lost, or other bytes came back than
   * were sent.
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

  /** Begins no more messages; those that were begun are completed. */
  stop(): void {
    this.#stopped = true;
    const { sizeBytes } = this.#load;
    // A read waits for at least one message, even if its write has not returned.
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
      // Reading tells the reason, and after how many bytes.
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

  /** Says that no more comes, and lets the server close first. */
  async #close(buffer: Uint8Array): Promise<void> {
    const rest = this.#conn.closeWrite().then(() => this.#conn.read(buffer));
    // All is back: a server that goes in another way does no harm.
    const more = await deadline(rest, LINGER_MS, () => new Error("late"))
      .catch(() => null);
    if (more !== null) {
      throw this.#wrong(`more than the ${this.#begun} bytes sent came back`);
    }
    this.#conn[Symbol.dispose]();
  }

  #lost(cause: string): ClientError {
    return new ClientError(
      `Lost the connection to "${this.#load.addressText}": ${cause}; ${this.progress}`,
    );
  }

  #wrong(what: string): ClientError {
    return new ClientError(
      `Wrong echo from "${this.#load.addressText}": on connection ${this.#number}, ${what}`,
    );
  }
}
