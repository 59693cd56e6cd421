import { handleAddr } from "./handle_addr.ts";
import { lendReadBuffer, returnReadBuffer } from "./read_buffers.ts";
import { socketError } from "./socket_error.ts";
import type { StreamBinding, StreamHandle, StreamRequest } from "./_runtime.ts";
import type { Sink, Transport } from "./transport.ts";

/** A write that the kernel takes at once reports to nobody: all share this. */
let spareRequest: StreamRequest = {};

/** A connected socket of the runtime's event loop. */
export class HandleTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #binding: StreamBinding;
  readonly #state: Int32Array;
  readonly #writeGoesOn: number;
  readonly #handle: StreamHandle;
  #sink: Sink | undefined;
  /** Where they do: from the second on, since many a connection has but one. */
  #lent: ArrayBuffer | undefined;
  #over = false;
  /** Whether the runtime has tried a write. */
  #polled: boolean;
  /** Settles with the writes that may have to be repeated. */
  #first: Promise<unknown> | undefined;
  #shut: Promise<void> | undefined;
  #settleShutdown: (() => void) | undefined;

  constructor(binding: StreamBinding, handle: StreamHandle) {
    this.#binding = binding;
    this.#state = binding.state;
    this.#writeGoesOn = binding.writeGoesOn;
    // Unix sockets need no second try.
    this.#polled = handle.getpeername === undefined;
    this.#handle = handle;
    this.localAddr = handleAddr(handle, "getsockname");
    this.remoteAddr = handleAddr(handle, "getpeername");
  }

  start(sink: Sink): void {
    this.#sink = sink;
    const { state, readOutcome } = this.#binding;
    this.#handle.onread = (received) => {
      const outcome = state[readOutcome]!;
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
    const { state, readOutcome } = this.#binding;
    const { onChunk } = sink;
    let chunk = new Uint8Array(0);
    this.#handle.onread = (received) => {
      const outcome = state[readOutcome]!;
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
    if (this.#state[this.#writeGoesOn] === 0) {
      this.#polled = true;
      return undefined;
    }
    spareRequest = {};
    return this.#polled || this.#handle.getBytesRead?.() !== 0
      ? this.#completion(request, chunk)
      : this.#firstCompletion(request, chunk);
  }

  shutdown(): Promise<void> {
    return this.#shut ??= this.#first === undefined
      ? this.#sendEnd()
      : this.#first.then(() => this.#sendEnd());
  }

  close(chunkInUse: boolean): void {
    this.#over = true;
    // Cancels the writes that go on; a unix socket forgets its shutdown.
    this.#handle.close();
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
    if (outcome === this.#binding.end) this.#sink!.onEnd();
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

  /**
   * Repeats a first write that failed, once. Deno (2.9) does not try a write before
   * the socket was polled, and then takes a peer that has sent nothing but its end
   * for gone, though the kernel would take the bytes (EPIPE); none was sent by then.
   */
  #firstCompletion(request: StreamRequest, chunk: Uint8Array): Promise<void> {
    const sending = this.#completion(request, chunk).then(
      () => void (this.#polled = true),
      (error) => {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        this.#polled = true;
        return this.write(chunk);
      },
    );
    this.#first = sending.catch(() => {});
    return sending;
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
