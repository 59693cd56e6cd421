import type { Transport } from "./transport.ts";

type Chunk = Uint8Array<ArrayBuffer>;

/** What {@linkcode ChunkConn.forEachChunk} calls. */
export type OnChunk = (chunk: Chunk) => void | Promise<void>;

/** Hands what a connection receives to a callback: one chunk at a time, in order. */
export class ChunkConsumer {
  readonly #transport: Transport;
  readonly #callback: OnChunk;
  readonly #done = Promise.withResolvers<void>();
  /** What came before, and while the callback was at work. */
  #waiting: Chunk[] = [];
  #busy = false;
  #ended = false;
  #failed = false;

  constructor(transport: Transport, callback: OnChunk) {
    this.#transport = transport;
    this.#callback = callback;
  }

  /** Resolves after the last chunk; rejects with what kept it from coming. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Whether the callback is at work. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Begins with what was received before, and goes on with what comes.
   *
   * @param ended Nothing comes any more.
   */
  start(received: Chunk[], ended: boolean): void {
    this.#waiting = received;
    this.#ended = ended;
    this.#goOn();
  }

  /** A function by itself: a call less where each counts. */
  readonly onChunk = (chunk: Chunk): void => {
    if (this.#busy) {
      this.#waiting.push(chunk);
      return;
    }
    this.#busy = true;
    let working: void | Promise<void>;
    try {
      working = this.#callback(chunk);
    } catch (error) {
      this.#busy = false;
      return this.fail(error);
    }
    if (working === undefined) {
      this.#busy = false;
    } else {
      this.#transport.pause();
      // A program without types may return anything.
      Promise.resolve(working).then(() => this.#goOn(), (error) => {
        this.#busy = false;
        this.fail(error);
      });
    }
  };

  /** No chunk comes any more. */
  end(): void {
    this.#ended = true;
    if (!this.#busy) this.#done.resolve();
  }

  fail(error: unknown): void {
    this.#failed = true;
    this.#waiting.length = 0;
    this.#transport.pause();
    this.#done.reject(error);
  }

  /** The connection was closed: what is left goes to nobody. */
  interrupt(error: Error): void {
    if (!this.#ended || this.#waiting.length > 0) this.fail(error);
  }

  #goOn(): void {
    this.#busy = false;
    while (!this.#busy && this.#waiting.length > 0) {
      this.onChunk(this.#waiting.shift()!);
    }
    if (this.#busy || this.#failed) return;
    if (this.#ended) this.#done.resolve();
    else this.#transport.resume();
  }
}
