import type { StreamHandle } from "../runtime/stream_handle.ts";

/** The default of `net.core.somaxconn`, by which the kernel limits every backlog. */
export const BACKLOG = 4096;

/** Receives the bytes and the end of a connection. */
export interface Sink {
  onChunk(chunk: Uint8Array<ArrayBuffer>): void;
  /** The peer has sent its last byte. */
  onEnd(): void;
  /** The connection is broken. */
  onError(error: Error): void;
}

/** Carries the bytes of an adopted connection. Starts paused. */
export interface Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  /**
   * Directs received bytes to `sink`.
   *
   * @param reuseBuffer Whether a chunk may share memory with the next one. The sink
   * must have finished with it when `onChunk` returns, or before the `resume` that
   * follows a `pause`.
   */
  setSink(sink: Sink, reuseBuffer: boolean): void;
  /** Starts reading from the kernel. */
  resume(): void;
  /** Stops reading; the kernel queues later bytes. */
  pause(): void;
  /**
   * Sends a chunk, which must not change until it is sent.
   *
   * @returns Undefined when the kernel took all of it at once, otherwise a promise
   * that settles when it has.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Shuts down the write side after all writes. */
  shutdown(): Promise<void>;
  /**
   * Closes the socket.
   *
   * @param chunkInUse Whether the sink still uses the last chunk.
   */
  close(chunkInUse: boolean): void;
  /** Closes the socket so that the peer detects that bytes are missing. */
  reset?(): void;
  /** The handle of the runtime, of a connection without TLS. */
  readonly handle?: StreamHandle;
  /** Whether the peer has reset the connection, or has closed a unix socket. */
  hasLostPeer?(): boolean;
  ref(): void;
  unref(): void;
  setNoDelay(enable: boolean): void;
  setKeepAlive(enable: boolean): void;
}

/** Accepts the connections of an adopted socket. */
export interface Acceptor<C> {
  /** The bound address; the path of a unix socket is unknown. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** Calls back with each connection, also those accepted before. */
  start(
    onConnection: (conn: C) => void,
    onError: (error: Error) => void,
  ): void;
  /** Stops accepting; the kernel queues later connections. */
  close(): void;
  ref(): void;
  unref(): void;
}
