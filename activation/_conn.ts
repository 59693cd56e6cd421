import type { StreamHandle } from "../runtime/stream_handle.ts";
import {
  type Chunk,
  chunkLoop,
  type OnChunk,
  type Reading,
  ReadQueue,
} from "./_reading.ts";
import { connReadable, connWritable } from "./_streams.ts";
import type { Sink, Transport } from "./_transport.ts";

/** The methods of an adopted connection beyond `Deno.Conn`, which copy nothing. */
export interface ChunkConn {
  /**
   * Returns the next received bytes without copying them, as {@linkcode
   * Deno.Conn.read} does with a buffer. The chunk belongs to the caller.
   *
   * @returns Some bytes, or null once the peer has sent its last.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed during the read.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   * @throws {Deno.errors.Busy} `forEachChunk` reads the connection.
   */
  readChunk(): Promise<Uint8Array<ArrayBuffer> | null>;

  /**
   * Calls back with each received chunk until the peer has sent its last byte. This is
   * the fastest way to read: it needs no promise for each message. While a promise
   * that the callback returned is pending, the connection receives nothing more.
   *
   * A chunk is valid until the callback returns, or until its promise settles; to keep
   * it longer, copy it (`chunk.slice()`). To send it on, return the result of
   * {@linkcode ChunkConn.writeChunk}.
   *
   * @returns A promise that resolves after the last chunk, and rejects with an error
   * of the callback. Nothing is read from then on.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed during the loop.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   * @throws {Deno.errors.Busy} Another read is pending.
   */
  forEachChunk(
    onChunk: (chunk: Uint8Array<ArrayBuffer>) => void | Promise<void>,
  ): Promise<void>;

  /**
   * Writes all of a chunk, as {@linkcode Deno.Conn.write}, without a promise when the
   * kernel takes it at once.
   *
   * @returns Undefined when the kernel took the chunk at once, otherwise a promise that
   * resolves when it has. The chunk must not change before.
   * @throws {Deno.errors.BrokenPipe} The peer has gone, or the write side is shut down.
   * The promise rejects with this and the following errors.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed during the write.
   * @throws {Deno.errors.BadResource} The connection was closed before.
   */
  writeChunk(chunk: Uint8Array): Promise<void> | undefined;
}

/** A connection over an adopted socket, as this project uses it. */
export interface HandledConn extends Deno.Conn, ChunkConn {
  /**
   * Whether the peer has reset the connection, or has closed a unix socket; false after a
   * half-close, and when unknown. Does not read.
   */
  hasLostPeer(): boolean;
  /** Closes the connection so that the peer detects that bytes are missing. */
  reset(): void;
  /** The handle of the runtime, of a connection without TLS. */
  readonly handle: StreamHandle | undefined;
}

/** A `Deno.Conn` over an adopted socket. */
export class TransportConn<A extends Deno.Addr>
  implements Deno.Conn<A>, HandledConn {
  readonly localAddr: A;
  readonly remoteAddr: A;
  protected readonly transport: Transport;
  readonly #onClosed: (() => void) | undefined;
  /** "ended": the peer has sent its last byte. */
  #state: "open" | "ended" | "failed" | "closed" = "open";
  #error: Error | undefined;
  readonly #queue: ReadQueue;
  #reading: Reading;
  /** Neither closed, failed nor shut down: one flag, since every write checks it. */
  #mayWrite = true;
  #writeShut = false;
  /** Reject the writes that the kernel has not taken yet. */
  readonly #pendingWrites = new Set<(error: Error) => void>();
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  constructor(transport: Transport, onClosed?: () => void) {
    this.transport = transport;
    this.#onClosed = onClosed;
    this.localAddr = transport.localAddr as Deno.Addr as A;
    this.remoteAddr = transport.remoteAddr as Deno.Addr as A;
    this.#reading = this.#queue = new ReadQueue(transport);
    transport.setSink(this.#sink((chunk) => this.#queue.onChunk(chunk)), false);
  }

  read(p: Uint8Array): Promise<number | null> {
    const refusal = this.#cannotRead();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (p.length === 0) return Promise.resolve(0);
    if (!this.#queue.isEmpty) return Promise.resolve(this.#queue.take(p));
    return this.#wait(p);
  }

  readChunk(): Promise<Chunk | null> {
    const refusal = this.#cannotRead();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!this.#queue.isEmpty) return Promise.resolve(this.#queue.takeChunk());
    return this.#wait(null);
  }

  forEachChunk(onChunk: OnChunk): Promise<void> {
    const refusal = this.#cannotRead() ??
      (this.#queue.hasPendingReads ? alreadyRead() : this.#error);
    if (refusal !== undefined) return Promise.reject(refusal);
    const loop = chunkLoop(this.transport, onChunk);
    this.#reading = loop;
    this.transport.setSink(this.#sink(loop.onChunk), true);
    loop.start(this.#queue.takeAll(), this.#state === "ended");
    return loop.done;
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
    if (this.#state === "closed") return Promise.reject(badResource());
    this.#mayWrite = false;
    this.#writeShut = true;
    return this.transport.shutdown();
  }

  close(): void {
    if (this.#state === "closed") throw badResource();
    this.#state = "closed";
    this.#mayWrite = false;
    this.transport.close(this.#reading.busy);
    this.#onClosed?.();
    this.#reading.interrupt(interrupted());
    for (const reject of this.#pendingWrites) reject(interrupted());
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= connReadable(this, () => {
      const writableIsDone = this.#writable === undefined || this.#writeShut;
      if (writableIsDone || this.#state === "failed") this[Symbol.dispose]();
    });
  }

  get writable(): WritableStream<Uint8Array<ArrayBufferLike>> {
    return this.#writable ??= connWritable(this, () => {
      const readableIsDone = this.#readable === undefined;
      if (readableIsDone || this.#state === "ended") this[Symbol.dispose]();
    });
  }

  get handle(): StreamHandle | undefined {
    return this.transport.handle;
  }

  reset(): void {
    if (this.#state !== "closed") this.transport.reset?.();
    this[Symbol.dispose]();
  }

  hasLostPeer(): boolean {
    return this.#state !== "closed" && this.#pendingWrites.size === 0 &&
      (this.transport.hasLostPeer?.() ?? false);
  }

  ref(): void {
    this.transport.ref();
  }

  unref(): void {
    this.transport.unref();
  }

  [Symbol.dispose](): void {
    if (this.#state !== "closed") this.close();
  }

  #sink(onChunk: (chunk: Chunk) => void): Sink {
    return {
      onChunk,
      onEnd: () => this.#end(),
      onError: (error) => this.#fail(error),
    };
  }

  #wait<T>(into: Uint8Array | null): Promise<T | null> {
    if (this.#state === "failed") return Promise.reject(this.#error);
    if (this.#state === "ended") return Promise.resolve(null);
    return this.#queue.wait(into);
  }

  #cannotRead(): Error | undefined {
    if (this.#state === "closed") return badResource();
    return this.#reading === this.#queue ? undefined : alreadyRead();
  }

  #cannotWrite(): Error {
    if (this.#state === "closed") return badResource();
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

  #end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#reading.end();
  }

  #fail(error: Error): void {
    if (this.#state === "closed" || this.#error !== undefined) return;
    // After the end, only writes fail.
    if (this.#state === "open") this.#state = "failed";
    this.#error = error;
    this.#mayWrite = false;
    this.#reading.fail(error);
  }
}

/** A `Deno.TcpConn` over an adopted socket. */
class TransportTcpConn extends TransportConn<Deno.NetAddr>
  implements Deno.TcpConn {
  setNoDelay(noDelay = true): void {
    this.transport.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive = true): void {
    this.transport.setKeepAlive(keepAlive);
  }
}

/**
 * Creates a connection over a transport, with the methods of its kind of socket.
 *
 * @param onClosed Called once, when the connection is closed.
 */
export function adoptedConn(
  transport: Transport,
  onClosed?: () => void,
): (Deno.TcpConn | Deno.UnixConn) & HandledConn {
  return transport.localAddr.transport === "tcp"
    ? new TransportTcpConn(transport, onClosed)
    : new TransportConn<Deno.UnixAddr>(transport, onClosed);
}

function badResource(): Error {
  return new Deno.errors.BadResource("Bad resource ID");
}

function interrupted(): Error {
  return new Deno.errors.Interrupted("operation canceled");
}

function alreadyRead(): Error {
  return new Deno.errors.Busy("Cannot read: another read is pending");
}
