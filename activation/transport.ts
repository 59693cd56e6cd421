/** Whom a {@linkcode Transport} tells what it receives. */
export interface Sink {
  onChunk(chunk: Uint8Array<ArrayBuffer>): void;
  /** The peer has sent its last byte. */
  onEnd(): void;
  /** The connection is broken. */
  onError(error: Error): void;
}

/** What carries the bytes of an adopted connection. */
export interface Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  /** Whom to tell; nothing is received before `resume`. */
  start(sink: Sink): void;
  /** Takes what the kernel holds, from now on. */
  resume(): void;
  /** Leaves what comes from now on to the kernel. */
  pause(): void;
  /**
   * Tells somebody else from now on, to whom a chunk may come that shares its
   * memory with the next one: it must be done with when `onChunk` returns, or
   * before the `resume` that follows a `pause`.
   */
  shareChunks(sink: Sink): void;
  /**
   * Sends a chunk, which must stay as it is until it is sent.
   *
   * @returns Nothing when the kernel took all of it at once, else what settles
   * when it has.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Sends the end once everything else is sent. */
  shutdown(): Promise<void>;
  /**
   * Lets go of the socket.
   *
   * @param chunkInUse Somebody still looks at the last chunk.
   */
  close(chunkInUse: boolean): void;
  ref(): void;
  unref(): void;
  setNoDelay(enable: boolean): void;
  setKeepAlive(enable: boolean): void;
}
