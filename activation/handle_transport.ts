import { lookForConnections } from "./accept_again.ts";
import { handleAddr } from "./handle_addr.ts";
import { lendReadBuffer, returnReadBuffer } from "./read_buffers.ts";
import { socketError } from "./socket_error.ts";
import {
  END,
  READ_OUTCOME,
  type StreamBinding,
  type StreamHandle,
  type StreamRequest,
  WRITE_GOES_ON,
} from "./stream_binding.ts";
import type { Sink, Transport } from "./transport.ts";

/** A write that the kernel takes at once reports to nobody: all share this. */
let spareRequest: StreamRequest = {};

/** A connected socket of the runtime's event loop. */
export class HandleTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #binding: StreamBinding;
  readonly #state: Int32Array;
  readonly #handle: StreamHandle;
  #sink: Sink | undefined;
  /** Where they do: from the second on, since many a connection has but one. */
  #lent: ArrayBuffer | undefined;
  #over = false;
  #shut: Promise<void> | undefined;
  #settleShutdown: (() => void) | undefined;

  constructor(binding: StreamBinding, handle: StreamHandle) {
    this.#binding = binding;
    this.#state = binding.state;
    this.#handle = handle;
    this.localAddr = handleAddr(handle, "getsockname");
    this.remoteAddr = handleAddr(handle, "getpeername");
  }

  start(sink: Sink): void {
    this.#sink = sink;
    const state = this.#state;
    this.#handle.onread = (received) => {
      const outcome = state[READ_OUTCOME]!;
      if (outcome > 0) sink.onChunk(new Uint8Array(received!));
      else this.#finish(outcome);
    };
  }

  resume(): void {
    if (this.#over) return;
    if (this.#lent?.byteLength === 0) this.#replaceLent();
    this.#handle.readStart();
  }

  pause(): void {
    if (!this.#over) this.#handle.readStop();
  }

  shareChunks(sink: Sink): void {
    this.#sink = sink;
    // `readStart` looks `onread` up: without a stop before it, the old one stays.
    if (!this.#over) this.#handle.readStop();
    const state = this.#state;
    const { onChunk } = sink;
    let chunk = new Uint8Array(0);
    this.#handle.onread = (received) => {
      const outcome = state[READ_OUTCOME]!;
      if (outcome <= 0) return this.#finish(outcome);
      if (received !== undefined) {
        onChunk(new Uint8Array(received));
        this.#lend();
        return;
      }
      // Most are as long as the one before.
      if (chunk.length !== outcome) {
        chunk = new Uint8Array(this.#lent!, 0, outcome);
      }
      onChunk(chunk);
      if (chunk.length === 0) this.#replaceLent();
    };
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    const request = spareRequest;
    const status = this.#handle.writeBuffer(request, chunk);
    if (status !== 0) return Promise.reject(this.#error(status, "write"));
    if (this.#state[WRITE_GOES_ON] === 0) return undefined;
    spareRequest = {};
    return this.#completion(request, chunk);
  }

  shutdown(): Promise<void> {
    return this.#shut ??= this.#sendEnd();
  }

  close(chunkInUse: boolean): void {
    this.#over = true;
    // Cancels the writes that go on; a unix socket forgets its shutdown.
    this.#handle.close();
    lookForConnections();
    this.#settleShutdown?.();
    if (this.#lent === undefined) return;
    returnReadBuffer(this.#lent, chunkInUse);
    this.#lent = undefined;
  }

  ref(): void {
    this.#handle.ref();
  }

  unref(): void {
    this.#handle.unref();
  }

  setNoDelay(enable: boolean): void {
    this.#handle.setNoDelay?.(enable);
  }

  setKeepAlive(enable: boolean): void {
    this.#handle.setKeepAlive?.(enable, 0);
  }

  #lend(): void {
    if (this.#over) return;
    this.#lent = lendReadBuffer();
    if (this.#lent === undefined) return;
    this.#handle.useUserBuffer(new Uint8Array(this.#lent));
  }

  /**
   * Whoever got the last chunk gave its memory away, as byte streams do: it must
   * not be written to any more.
   */
  #replaceLent(): void {
    if (this.#lent === undefined) return;
    returnReadBuffer(this.#lent, true);
    this.#lend();
  }

  #finish(outcome: number): void {
    this.#over = true;
    if (outcome === END) this.#sink!.onEnd();
    else this.#sink!.onError(this.#error(outcome, "read"));
  }

  #sendEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#settleShutdown = resolve;
      const oncomplete = () => resolve();
      // A peer that is gone needs not be told.
      if (this.#handle.shutdown({ oncomplete }) !== 0) resolve();
    });
  }

  /** @param chunk What must not be collected before the kernel has it. */
  #completion(
    request: StreamRequest & { chunk?: Uint8Array },
    chunk: Uint8Array,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      request.chunk = chunk;
      request.oncomplete = (status) => {
        request.chunk = undefined;
        if (status === 0) resolve();
        else reject(this.#error(status, "write"));
      };
    });
  }

  #error(status: number, syscall: string): Error {
    return socketError(this.#binding.error(status, syscall));
  }
}
