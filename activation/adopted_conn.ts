import type { Socket } from "node:net";
import { connReadable, connWritable } from "./conn_streams.ts";
import { type Inflow, tapSocket } from "./inflow.ts";
import { localAddr, remoteAddr, UNIX_ADDR } from "./socket_address.ts";
import { socketError } from "./socket_error.ts";

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

/** What an adopted connection has beyond `Deno.Conn`. */
export interface ChunkReader {
  /**
   * Reads what was received next, without copying it: as {@linkcode
   * Deno.Conn.read}, for programs that have no buffer to fill. The chunk belongs
   * to the caller.
   *
   * @returns Some bytes, or null once the peer has sent its last.
   * @throws {Deno.errors.ConnectionReset} The peer reset the connection.
   * @throws {Deno.errors.Interrupted} The connection was closed meanwhile.
   */
  readChunk(): Promise<Uint8Array<ArrayBuffer> | null>;
}

/**
 * A `Deno.Conn` over a socket of `node:net`, the only part of Deno that adopts
 * descriptors. The socket must be paused and allow half-open connections.
 */
export class AdoptedConn<A extends Deno.Addr>
  implements Deno.Conn<A>, ChunkReader {
  readonly localAddr: A;
  readonly remoteAddr: A;
  protected readonly socket: Socket;
  readonly #pendingReads: PendingRead[] = [];
  /** Received and not read yet, in order. */
  readonly #received: Chunk[] = [];
  #receivedBytes = 0;
  #inflow: Inflow | undefined;
  #paused = true;
  /** What rejects the writes that the kernel has not taken yet. */
  readonly #pendingWrites = new Set<(error: Error) => void>();
  /** Settles with the last of them. */
  #writing: Promise<unknown> | undefined;
  #ended = false;
  #writeShut = false;
  #closed = false;
  #error: Error | undefined;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  constructor(socket: Socket, localAddr: A, remoteAddr: A) {
    this.socket = socket;
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    if (socket.errored !== null) this.#error = socketError(socket.errored);
    if (socket.readableEnded) this.#ended = true;
    else if (socket.destroyed) this.#cutOff();
    socket.on("end", () => this.#end());
    socket.on("error", (error) => this.#fail(socketError(error)));
    socket.on("close", () => this.#cutOff());
  }

  read(p: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(badResource());
    if (p.length === 0) return Promise.resolve(0);
    if (this.#receivedBytes > 0) return Promise.resolve(this.#take(p));
    return this.#await<number>(p);
  }

  readChunk(): Promise<Chunk | null> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#receivedBytes > 0) return Promise.resolve(this.#takeChunk());
    return this.#await<Chunk>(null);
  }

  write(p: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(badResource());
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const socket = this.socket;
    if (this.#writeShut || socket.destroyed) {
      return Promise.reject(
        new Deno.errors.BrokenPipe("Cannot write: the write side is shut down"),
      );
    }
    if (p.length === 0) return Promise.resolve(0);
    return this.#send(p);
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(badResource());
    this.#writeShut = true;
    return this.#shutWrite();
  }

  close(): void {
    if (this.#closed) throw badResource();
    this.#closed = true;
    this.#received.length = 0;
    this.#receivedBytes = 0;
    for (const { reject } of this.#pendingReads.splice(0)) {
      reject(interrupted());
    }
    for (const reject of this.#pendingWrites) reject(interrupted());
    this.socket.destroy();
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
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  [Symbol.dispose](): void {
    this.#tryClose();
  }

  #tryClose(): void {
    if (!this.#closed) this.close();
  }

  /**
   * Past the stream of `node:net`, whose queue could tell nothing that the
   * kernel's does not: most writes fit in that, and are done at once.
   */
  #send(p: Uint8Array): Promise<number> {
    let outcome: Error | null | undefined;
    let settle: ((error: Error | null) => void) | undefined;
    const done = (error: Error | null = null) => {
      if (settle === undefined) outcome = error;
      else settle(error);
    };
    // TLS takes one write at a time, and needs the stream's queue.
    if ("encrypted" in this.socket) this.socket.write(p, done);
    else this.socket._write(p, "buffer" as BufferEncoding, done);
    if (outcome === null) return Promise.resolve(p.length);
    if (outcome !== undefined) return Promise.reject(socketError(outcome));
    const sent = new Promise<number>((resolve, reject) => {
      this.#pendingWrites.add(reject);
      settle = (error) => {
        this.#pendingWrites.delete(reject);
        if (error === null) resolve(p.length);
        else reject(socketError(error));
      };
    });
    this.#writing = sent.catch(() => {});
    return sent;
  }

  async #shutWrite(): Promise<void> {
    await this.#writing;
    const { socket } = this;
    if (socket.destroyed || socket.writableFinished) return;
    const ended = Promise.withResolvers<void>();
    // Not every way to end emits "finish"; each of them emits "close".
    for (const event of ["finish", "close"]) socket.on(event, ended.resolve);
    socket.end();
    await ended.promise;
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
    this.#inflow ??= tapSocket(this.socket, (chunk) => this.#receive(chunk));
    this.#inflow.resume();
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
      this.#inflow!.pause();
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
    for (const { resolve } of this.#pendingReads.splice(0)) resolve(null);
  }

  /** A connection that is over without an end or an error was reset by its peer. */
  #cutOff(): void {
    if (this.#ended) return;
    this.#fail(new Deno.errors.ConnectionReset("Connection reset by peer"));
  }

  #fail(error: Error): void {
    if (this.#closed || this.#error !== undefined) return;
    this.#error = error;
    for (const { reject } of this.#pendingReads.splice(0)) reject(error);
  }
}

/** A `Deno.TcpConn` over a socket of `node:net`. */
export class AdoptedTcpConn extends AdoptedConn<Deno.NetAddr>
  implements Deno.TcpConn {
  setNoDelay(noDelay = true): void {
    this.socket.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive = true): void {
    this.socket.setKeepAlive(keepAlive);
  }
}

/** Wraps a connected TCP socket of `node:net`. */
export function tcpConn(socket: Socket): AdoptedTcpConn {
  return new AdoptedTcpConn(socket, localAddr(socket), remoteAddr(socket));
}

/** Wraps a connected unix socket of `node:net`. */
export function unixConn(socket: Socket): AdoptedConn<Deno.UnixAddr> {
  return new AdoptedConn<Deno.UnixAddr>(socket, UNIX_ADDR, UNIX_ADDR);
}

function badResource(): Error {
  return new Deno.errors.BadResource("Bad resource ID");
}

function interrupted(): Error {
  return new Deno.errors.Interrupted("operation canceled");
}
