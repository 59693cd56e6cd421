import type { Transport } from "./transport.ts";

type Chunk = Uint8Array<ArrayBuffer>;

/** What {@linkcode ChunkConn.forEachChunk} calls. */
export type OnChunk = (chunk: Chunk) => void | Promise<void>;

/** Hands what a connection receives to a callback: one chunk at a time, in order. */
export interface ChunkConsumer {
  /** Resolves after the last chunk; rejects with what kept it from coming. */
  readonly done: Promise<void>;
  /** Whether the callback is at work. */
  readonly busy: boolean;
  /**
   * Begins with what was received before, and goes on with what comes.
   *
   * @param ended Nothing comes any more.
   */
  start(received: Chunk[], ended: boolean): void;
  onChunk(chunk: Chunk): void;
  /** No chunk comes any more. */
  end(): void;
  fail(error: unknown): void;
  /** The connection was closed: what is left goes to nobody. */
  interrupt(error: Error): void;
}

/**
 * Makes a consumer of what `transport` receives.
 *
 * Every message goes through it, so what it remembers is in variables: without a
 * JIT they cost half of what an object's fields do.
 */
export function chunkConsumer(
  transport: Transport,
  callback: OnChunk,
): ChunkConsumer {
  const done = Promise.withResolvers<void>();
  /** What came before, and while the callback was at work. */
  let waiting: Chunk[] = [];
  let busy = false;
  let ended = false;
  let failed = false;

  function onChunk(chunk: Chunk): void {
    if (busy) {
      waiting.push(chunk);
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
    if (working === undefined) busy = false;
    else wait(working);
  }

  function wait(working: Promise<void>): void {
    transport.pause();
    // A program without types may return anything.
    Promise.resolve(working).then(goOn, (error) => {
      busy = false;
      fail(error);
    });
  }

  function goOn(): void {
    busy = false;
    while (!busy && waiting.length > 0) onChunk(waiting.shift()!);
    if (busy || failed) return;
    if (ended) done.resolve();
    else transport.resume();
  }

  function fail(error: unknown): void {
    failed = true;
    waiting.length = 0;
    transport.pause();
    done.reject(error);
  }

  return {
    done: done.promise,
    get busy() {
      return busy;
    },
    start(received, hasEnded) {
      waiting = received;
      ended = hasEnded;
      goOn();
    },
    onChunk,
    end() {
      ended = true;
      if (!busy) done.resolve();
    },
    fail,
    interrupt(error) {
      if (!ended || waiting.length > 0) fail(error);
    },
  };
}
