import type { Transport } from "./_transport.ts";

/** The received bytes that a connection queues before it stops reading. */
const QUEUE_BYTES = 64 * 1024;

export type Chunk = Uint8Array<ArrayBuffer>;

/** The callback of {@linkcode ChunkConn.forEachChunk}. */
export type OnChunk = (chunk: Chunk) => void | Promise<void>;

/** Passes received chunks on to the program: on demand, or to a callback. */
export interface Reading {
  /** Whether the program still uses the last chunk. */
  readonly busy: boolean;
  onChunk(chunk: Chunk): void;
  /** The peer has sent its last byte. */
  end(): void;
  /** The connection is broken. */
  fail(error: Error): void;
  /** The program has closed the connection. */
  interrupt(error: Error): void;
}

interface PendingRead {
  /** The buffer to fill; null to return the chunk itself. */
  into: Uint8Array | null;
  // deno-lint-ignore no-explicit-any -- a count or a chunk, depending on `into`
  resolve(value: any): void;
  reject(error: Error): void;
}

/** Reading on demand. Receives nothing before the first read. */
export class ReadQueue implements Reading {
  readonly busy = false;
  readonly #transport: Transport;
  readonly #chunks: Chunk[] = [];
  #bytes = 0;
  readonly #pendingReads: PendingRead[] = [];
  #paused = true;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  get hasPendingReads(): boolean {
    return this.#pendingReads.length > 0;
  }

  /** Waits for the next chunk. The queue must be empty. */
  wait<T>(into: Uint8Array | null): Promise<T | null> {
    if (this.#paused) this.#resume();
    return new Promise((resolve, reject) => {
      this.#pendingReads.push({ into, resolve, reject });
    });
  }

  /** Returns the first chunk. */
  takeChunk(): Chunk {
    const chunk = this.#chunks.shift()!;
    this.#taken(chunk.length);
    return chunk;
  }

  /** Copies as much as fits, and returns the number of bytes. */
  take(into: Uint8Array): number {
    let count = 0;
    while (count < into.length && this.#chunks.length > 0) {
      const chunk = this.#chunks[0]!;
      const part = chunk.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#taken(count);
    return count;
  }

  /** Empties the queue, and does not resume reading. */
  takeAll(): Chunk[] {
    this.#bytes = 0;
    return this.#chunks.splice(0);
  }

  onChunk(chunk: Chunk): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes > 0 && this.hasPendingReads) {
      const { into, resolve } = this.#pendingReads.shift()!;
      resolve(into === null ? this.takeChunk() : this.take(into));
    }
    if (this.#bytes >= QUEUE_BYTES) {
      this.#paused = true;
      this.#transport.pause();
    }
  }

  end(): void {
    for (const { resolve } of this.#pendingReads.splice(0)) resolve(null);
  }

  fail(error: Error): void {
    for (const { reject } of this.#pendingReads.splice(0)) reject(error);
  }

  interrupt(error: Error): void {
    this.takeAll();
    this.fail(error);
  }

  #resume(): void {
    this.#paused = false;
    this.#transport.resume();
  }

  #taken(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#paused && this.#bytes < QUEUE_BYTES) this.#resume();
  }
}

/** Reading by a callback: one chunk at a time, in order. */
export interface ChunkLoop extends Reading {
  /** Resolves after the last chunk; rejects with the first error. */
  readonly done: Promise<void>;
  /**
   * Starts with the chunks that were received before.
   *
   * @param ended Whether the peer has already sent its last byte.
   */
  start(received: Chunk[], ended: boolean): void;
}

/**
 * Creates a loop over the chunks of `transport`.
 *
 * Every message of the echo server passes through it. Its state is kept in
 * variables: without a JIT, object fields take twice as long.
 */
export function chunkLoop(transport: Transport, callback: OnChunk): ChunkLoop {
  const done = Promise.withResolvers<void>();
  /** Received before `start`, or while the callback was busy. */
  let queue: Chunk[] = [];
  let busy = false;
  let ended = false;
  let failed = false;

  function onChunk(chunk: Chunk): void {
    if (busy) {
      queue.push(chunk);
      return;
    }
    busy = true;
    let working: void | Promise<void>;
    try {
      working = callback(chunk);
    } catch (error) {
      busy = false;
      return fail(error);
    }
    if (working) waitFor(working);
    else busy = false;
  }

  function waitFor(working: Promise<void>): void {
    transport.pause();
    // A JavaScript program may return something that is no promise.
    Promise.resolve(working).then(proceed, (error) => {
      busy = false;
      fail(error);
    });
  }

  function proceed(): void {
    busy = false;
    while (!busy && queue.length > 0) onChunk(queue.shift()!);
    if (busy || failed) return;
    if (ended) done.resolve();
    else transport.resume();
  }

  function fail(error: unknown): void {
    failed = true;
    queue.length = 0;
    transport.pause();
    done.reject(error);
  }

  return {
    done: done.promise,
    get busy() {
      return busy;
    },
    start(received, hasEnded) {
      queue = received;
      ended = hasEnded;
      proceed();
    },
    onChunk,
    end() {
      ended = true;
      if (!busy) done.resolve();
    },
    fail,
    interrupt(error) {
      if (!ended || queue.length > 0) fail(error);
    },
  };
}
