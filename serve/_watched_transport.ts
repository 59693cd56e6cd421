import type { Sink, Transport } from "../activation/_transport.ts";

/** Observes a transport: its end, and its last activity. */
export class WatchedTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #transport: Transport;
  readonly #over = new AbortController();
  /** Whether anything was received or sent since the last `isIdle`. */
  #isActive = true;
  #idleSince = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.localAddr = transport.localAddr;
    this.remoteAddr = transport.remoteAddr;
  }

  /** Aborted when the connection is closed or broken. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * Whether nothing was received or sent for a time, as precisely as the interval between
   * calls.
   *
   * @param now The time in milliseconds, by the same clock in each call.
   */
  isIdle(timeoutMs: number, now: number): boolean {
    if (this.#isActive) {
      this.#isActive = false;
      this.#idleSince = now;
    }
    return now - this.#idleSince >= timeoutMs;
  }

  setSink(sink: Sink, reuseBuffer: boolean): void {
    this.#transport.setSink({
      onChunk: (chunk) => {
        this.#isActive = true;
        sink.onChunk(chunk);
      },
      onEnd: () => sink.onEnd(),
      onError: (error) => {
        this.#end();
        sink.onError(error);
      },
    }, reuseBuffer);
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    const sending = this.#transport.write(chunk);
    this.#isActive = true;
    return sending?.then(
      () => void (this.#isActive = true),
      (error) => {
        this.#end();
        throw error;
      },
    );
  }

  close(chunkInUse: boolean): void {
    this.#end();
    this.#transport.close(chunkInUse);
  }

  resume(): void {
    this.#transport.resume();
  }

  pause(): void {
    this.#transport.pause();
  }

  shutdown(): Promise<void> {
    return this.#transport.shutdown();
  }

  hasLostPeer(): boolean {
    return this.#transport.hasLostPeer?.() ?? false;
  }

  ref(): void {
    this.#transport.ref();
  }

  unref(): void {
    this.#transport.unref();
  }

  setNoDelay(enable: boolean): void {
    this.#transport.setNoDelay(enable);
  }

  setKeepAlive(enable: boolean): void {
    this.#transport.setKeepAlive(enable);
  }

  #end(): void {
    this.#over.abort(
      new DOMException("The connection is closed", "AbortError"),
    );
  }
}
