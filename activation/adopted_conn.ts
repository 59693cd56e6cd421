import {
  type ChunkConsumer,
  chunkConsumer,
  type OnChunk,
} from "./chunk_consumer.ts";
import { connReadable, connWritable } from "./conn_streams.ts";
import type { Transport } from "./transport.ts";

/** Received bytes that wait for a reader before the kernel is left to wait. */
const READ_AHEAD_BYTES = 64 * 1024;

type Chunk = Uint8Array<ArrayBuffer>;

interface PendingRead {
  /** Where to put the bytes; null to be given the chunk itself. */
  into: Uint8Array | null;
  // deno-lint-ignore no-explicit-any -- a count or a chunk, as `into` says
  resolve(value: any): void;
  reject(error: Error): void;
}

/** What an adopted connection has beyond `Deno.Conn`: ways that copy nothing. */
export interface ChunkConn {
  /**
   * Reads what was received next, without copying it: as {@linkcode
   * Deno.Conn.read}, for programs that have no buffer to fill. The chunk belongs
   * to the caller.
   *
   * @returns Some bytes, or null once the peer has sent its last.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed meanwhile.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   * @throws {Deno.errors.Busy} It is read by `forEachChunk`.
   */
  readChunk(): Promise<Uint8Array<ArrayBuffer> | null>;

  /**
   * Calls back with everything that is received, until the peer has sent its last
   * byte: the fastest way to read, without a promise for each message. While a
   * promise that the callback returned is pending, nothing more is received.
   *
   * A chunk is valid until the callback returns, or until its promise settles;
   * what is kept longer must be copied (`chunk.slice()`). To send it on, return
   * what {@linkcode ChunkConn.writeChunk} returns.
   *
   * @returns A promise that resolves after the last chunk, and rejects with what
   * the callback throws. Nothing is read from then on.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed meanwhile.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   * @throws {Deno.errors.Busy} It is read by somebody already.
   */
  forEachChunk(
    onChunk: (chunk: Uint8Array<ArrayBuffer>) => void | Promise<void>,
  ): Promise<void>;

  /**
   * Writes all of a chunk, as {@linkcode Deno.Conn.write}, for programs that need
   * not wait when there is nothing to wait for.
   *
   * @returns Nothing when the kernel took it at once, else a promise that resolves
   * when it has; the chunk must not change before.
   * @throws {Deno.errors.BrokenPipe} The peer is gone, or the write side is shut
   * down. This and the following by the promise.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed meanwhile.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   */
  writeChunk(chunk: Uint8Array): Promise<void> | undefined;
}

/** A `Deno.Conn` over an adopted socket. */
export class AdoptedConn<A extends Deno.Addr>
  implements Deno.Conn<A>, ChunkConn {
  readonly localAddr: A;
  readonly remoteAddr: A;
  protected readonly transport: Transport;
  readonly #onClosed: (() => void) | undefined;
  readonly #pendingReads: PendingRead[] = [];
  /** Received and not read yet, in order. */
  readonly #received: Chunk[] = [];
  #receivedBytes = 0;
  #consumer: ChunkConsumer | undefined;
  #paused = true;
  /** What rejects the writes that the kernel has not taken yet. */
  readonly #pendingWrites = new Set<(error: Error) => void>();
  #ended = false;
  /** Neither closed, nor shut down, nor broken. */
  #mayWrite = true;
  #writeShut = false;
  #closed = false;
  #error: Error | undefined;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  constructor(transport: Transport, onClosed?: () => void) {
    this.transport = transport;
    this.#onClosed = onClosed;
    this.localAddr = transport.localAddr as Deno.Addr as A;
    this.remoteAddr = transport.remoteAddr as Deno.Addr as A;
    transport.start({
      onChunk: (chunk) => this.#receive(chunk),
      onEnd: () => this.#end(),
      onError: (error) => this.#fail(error),
    });
  }

  read(p: Uint8Array): Promise<number | null> {
    const refusal = this.#cannotRead();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (p.length === 0) return Promise.resolve(0);
    if (this.#receivedBytes > 0) return Promise.resolve(this.#take(p));
    return this.#await<number>(p);
  }

  readChunk(): Promise<Chunk | null> {
    const refusal = this.#cannotRead();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#receivedBytes > 0) return Promise.resolve(this.#takeChunk());
    return this.#await<Chunk>(null);
  }

  forEachChunk(onChunk: OnChunk): Promise<void> {
    const refusal = this.#cannotRead() ??
      (this.#pendingReads.length > 0 ? alreadyRead() : this.#error);
    if (refusal !== undefined) return Promise.reject(refusal);
    const consumer = chunkConsumer(this.transport, onChunk);
    this.#consumer = consumer;
    this.transport.shareChunks({
      onChunk: consumer.onChunk,
      onEnd: () => this.#end(),
      onError: (error) => this.#fail(error),
    });
    this.#receivedBytes = 0;
    consumer.start(this.#received.splice(0), this.#ended);
    return consumer.done;
  }

  write(p: Uint8Array): Promise<number> {
    const sending = this.writeChunk(p);
    return sending === undefined
      ? Promise.resolve(p.length)
      : sending.then(() => p.length);
  }

  writeChunk(chunk: Uint8Array): Promise<void> | undefined {
    if (!this.#mayWrite) return Promise.reject(this.#cannotWrite());
    if (chunk.length === 0) return undefined;
    const sending = this.transport.write(chunk);
    return sending && this.#interruptible(sending);
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(badResource());
    this.#mayWrite = false;
    this.#writeShut = true;
    return this.transport.shutdown();
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    this.#mayWrite = false;
    this.#received.length = 0;
    this.#receivedBytes = 0;
    this.transport.close(this.#consumer?.busy ?? false);
    this.#onClosed?.();
    for (const { reject } of this.#pendingReads.splice(0)) {
      reject(interrupted());
    }
    for (const reject of this.#pendingWrites) reject(interrupted());
    this.#consumer?.interrupt(interrupted());
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= connReadable(this, () => {
      if (this.#writable === undefined || this.#writeShut) this.#tryClose();
    });
  }

  get writable(): WritableStream<Uint8Array<ArrayBufferLike>> {
    return this.#writable ??= connWritable(this, () => {
      if (this.#readable === undefined || this.#ended) this.#tryClose();
    });
  }

  ref(): void {
    this.transport.ref();
  }

  unref(): void {
    this.transport.unref();
  }

  [Symbol.dispose](): void {
    this.#tryClose();
  }

  #tryClose(): void {
    if (!this.#closed) this.close();
  }

  #cannotRead(): Error | undefined {
    if (this.#closed) return badResource();
    return this.#consumer && alreadyRead();
  }

  #cannotWrite(): Error {
    if (this.#closed) return badResource();
    return this.#error ?? new Deno.errors.BrokenPipe(
      "Cannot write: the write side is shut down",
    );
  }

  #interruptible(sending: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pendingWrites.add(reject);
      sending.then(resolve, reject).finally(() =>
        this.#pendingWrites.delete(reject)
      );
    });
  }

  #await<T>(into: Uint8Array | null): Promise<T | null> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    if (this.#paused) this.#resume();
    return new Promise((resolve, reject) => {
      this.#pendingReads.push({ into, resolve, reject });
    });
  }

  /** Nothing is read from the kernel before somebody wants it. */
  #resume(): void {
    this.#paused = false;
    this.transport.resume();
  }

  #receive(chunk: Chunk): void {
    if (this.#closed) return;
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes > 0 && this.#pendingReads.length > 0) {
      const { into, resolve } = this.#pendingReads.shift()!;
      resolve(into === null ? this.#takeChunk() : this.#take(into));
    }
    if (this.#receivedBytes >= READ_AHEAD_BYTES) {
      this.#paused = true;
      this.transport.pause();
    }
  }

  #takeChunk(): Chunk {
    const chunk = this.#received.shift()!;
    this.#taken(chunk.length);
    return chunk;
  }

  #take(into: Uint8Array): number {
    let count = 0;
    while (count < into.length && this.#received.length > 0) {
      const chunk = this.#received[0]!;
      const part = chunk.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      if (part.length === chunk.length) this.#received.shift();
      else this.#received[0] = chunk.subarray(part.length);
    }
    this.#taken(count);
    return count;
  }

  #taken(bytes: number): void {
    this.#receivedBytes -= bytes;
    if (this.#paused && this.#receivedBytes < READ_AHEAD_BYTES) this.#resume();
  }

  #end(): void {
    this.#ended = true;
    this.#consumer?.end();
    for (const { resolve } of this.#pendingReads.splice(0)) resolve(null);
  }

  #fail(error: Error): void {
    if (this.#closed || this.#error !== undefined) return;
    this.#error = error;
    this.#mayWrite = false;
    this.#consumer?.fail(error);
    for (const { reject } of this.#pendingReads.splice(0)) reject(error);
  }
}

/** A `Deno.TcpConn` over an adopted socket. */
export class AdoptedTcpConn extends AdoptedConn<Deno.NetAddr>
  implements Deno.TcpConn {
  setNoDelay(noDelay = true): void {
    this.transport.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive = true): void {
    this.transport.setKeepAlive(keepAlive);
  }
}

/**
 * Makes a connection of a transport, with what its kind of socket has.
 *
 * @param onClosed Called once, when the connection is closed.
 */
export function adoptedConn(
  transport: Transport,
  onClosed?: () => void,
): (Deno.TcpConn | Deno.UnixConn) & ChunkConn {
  return transport.localAddr.transport === "tcp"
    ? new AdoptedTcpConn(transport, onClosed)
    : new AdoptedConn<Deno.UnixAddr>(transport, onClosed);
}

function badResource(): Error {
  return new Deno.errors.BadResource("Bad resource ID");
}

function interrupted(): Error {
  return new Deno.errors.Interrupted("operation canceled");
}

function alreadyRead(): Error {
  return new Deno.errors.Busy("Cannot read: the connection is read already");
}
