import type { Socket } from "node:net";
import { localAddr, remoteAddr, UNIX_ADDR } from "./socket_address.ts";
import { socketError } from "./socket_error.ts";
import type { Sink, Transport } from "./transport.ts";

/** Half of the time by when a new socket was polled, in milliseconds. */
const POLLED_MS = 5;

/**
 * A connected socket of `node:net`, or of what is built on it. It must be paused
 * and allow half-open connections.
 */
export class SocketTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #socket: Socket;
  #error: Error | undefined;
  #sink: Sink | undefined;
  /** Resolves when the next write may be tried. */
  #writing: Promise<unknown> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A peer that is gone has no address any more; this side keeps its own.
    const isTcp = socket.localAddress !== undefined;
    // Deno (2.9) does not try a write before the socket was polled, and then takes a
    // peer that has sent nothing but its end for gone (EPIPE).
    if (isTcp && socket.bytesRead === 0) this.#writing = polled();
    this.localAddr = isTcp ? localAddr(socket) : UNIX_ADDR;
    this.remoteAddr = isTcp ? remoteAddr(socket) : UNIX_ADDR;
    // Until somebody asks, there is nobody to tell.
    socket.on("error", (error) => this.#fail(socketError(error)));
    socket.on("close", () => this.#cutOff());
  }

  start(sink: Sink): void {
    const socket = this.#socket;
    this.#sink = sink;
    if (this.#error !== undefined) return sink.onError(this.#error);
    if (socket.readableEnded) return sink.onEnd();
    if (socket.destroyed) return this.#cutOff();
    socket.on("end", () => this.#sink!.onEnd());
    // What is emitted is a Buffer, which is slower than its base class, and shares
    // its bytes where that copies them.
    socket.on("data", ({ buffer, byteOffset, length }: Uint8Array) => {
      this.#sink!.onChunk(
        new Uint8Array(buffer as ArrayBuffer, byteOffset, length),
      );
    });
    socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  shareChunks(sink: Sink): void {
    this.#sink = sink;
  }

  write(chunk: Uint8Array): Promise<void> {
    const sent = this.#writing === undefined
      ? this.#write(chunk)
      : this.#writing.then(() => this.#write(chunk));
    this.#writing = sent.catch(() => {});
    return sent;
  }

  #write(chunk: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) {
      return Promise.reject(
        new Deno.errors.BrokenPipe("Cannot write: the connection is over"),
      );
    }
    return new Promise<void>((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        if (error) reject(socketError(error));
        else resolve();
      });
    });
  }

  async shutdown(): Promise<void> {
    await this.#writing;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableFinished) return;
    const ended = Promise.withResolvers<void>();
    // Not every way to end emits "finish"; each of them emits "close".
    for (const event of ["finish", "close"]) socket.on(event, ended.resolve);
    socket.end();
    await ended.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  setNoDelay(enable: boolean): void {
    this.#socket.setNoDelay(enable);
  }

  setKeepAlive(enable: boolean): void {
    this.#socket.setKeepAlive(enable);
  }

  /** A connection that is over without an end or an error was reset by its peer. */
  #cutOff(): void {
    if (this.#socket.readableEnded) return;
    this.#fail(new Deno.errors.ConnectionReset("Connection reset by peer"));
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#sink?.onError(error);
  }
}

/** Two timers: where time is short, the first may come before the first poll. */
async function polled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => setTimeout(resolve, POLLED_MS));
  }
}
