import { rearmAccept } from "../runtime/rearm_accept.ts";
import type { StreamBinding } from "../runtime/stream_binding.ts";
import type {
  ListenAddress,
  ServerHandle,
  SocketName,
  StreamHandle,
  StreamRequest,
} from "../runtime/stream_handle.ts";
import { denoListen } from "./_net_transport.ts";
import { netAddr, UNIX_ADDR } from "./_address.ts";
import { adoptFd, closedFd } from "./_fd_ownership.ts";
import type { Acceptor, Sink, Transport } from "./_transport.ts";
import type { ListenFd } from "./environment.ts";
import { socketError } from "./errors.ts";

/** The size of a read buffer: the most that the runtime asks the kernel for. */
const BUFFER_BYTES = 64 * 1024;

/** The most connections that have a read buffer of their own: 4 MiB in all. */
const BUFFERS_MAX = 64;

const spareBuffers: ArrayBuffer[] = [];
let lentBuffers = 0;

/** Returns a read buffer; undefined when all are in use. */
export function lendReadBuffer(): ArrayBuffer | undefined {
  if (lentBuffers === BUFFERS_MAX) return undefined;
  lentBuffers += 1;
  return spareBuffers.pop() ?? new ArrayBuffer(BUFFER_BYTES);
}

/** Takes a read buffer back, for reuse unless its bytes are still in use. */
export function returnReadBuffer(buffer: ArrayBuffer, inUse: boolean): void {
  lentBuffers -= 1;
  // A buffer that was transferred to another owner is detached: it has no bytes.
  if (!inUse && buffer.byteLength > 0) spareBuffers.push(buffer);
}

/** Returns an address of a handle; the path of a unix socket is unknown. */
export function handleAddr(
  handle: StreamHandle,
  end: "getsockname" | "getpeername",
): Deno.NetAddr | Deno.UnixAddr {
  const name: Partial<SocketName> = {};
  return handle[end]?.(name) === undefined
    ? UNIX_ADDR
    : netAddr(name.address, name.port);
}

/** Shared by all writes that the kernel takes at once: they report no completion. */
let spareRequest: StreamRequest = {};

/** A connected socket of the runtime's event loop. */
export class HandleTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #binding: StreamBinding;
  readonly #state: Int32Array;
  readonly #writeIsPending: number;
  readonly handle: StreamHandle;
  #sink: Sink | undefined;
  /** Lent after the first message, since many connections have only one. */
  #buffer: ArrayBuffer | undefined;
  /** Whether the read side has ended, or the handle is closed. */
  #over = false;
  /** Whether the runtime has polled the socket, and so knows its state. */
  #polled: boolean;
  /** Settles with a first write that may have to be retried. */
  #firstWrite: Promise<unknown> | undefined;
  #shutdown: Promise<void> | undefined;
  #settleShutdown: (() => void) | undefined;

  constructor(binding: StreamBinding, handle: StreamHandle) {
    this.#binding = binding;
    this.#state = binding.state;
    this.#writeIsPending = binding.writeIsPending;
    // Only TCP needs the retry of a first write.
    this.#polled = handle.getpeername === undefined;
    this.handle = handle;
    this.localAddr = handleAddr(handle, "getsockname");
    this.remoteAddr = handleAddr(handle, "getpeername");
  }

  setSink(sink: Sink, reuseBuffer: boolean): void {
    // `readStart` looks `onread` up: without a stop before it, the old one stays.
    if (this.#sink !== undefined && !this.#over) this.handle.readStop();
    this.#sink = sink;
    this.handle.onread = reuseBuffer
      ? this.#readIntoBuffer(sink)
      : this.#readNewMemory(sink);
  }

  #readNewMemory({ onChunk }: Sink): StreamHandle["onread"] {
    const { state, readOutcome } = this.#binding;
    return (received) => {
      const outcome = state[readOutcome]!;
      if (outcome > 0) onChunk(new Uint8Array(received!));
      else this.#finish(outcome);
    };
  }

  #readIntoBuffer({ onChunk }: Sink): StreamHandle["onread"] {
    const { state, readOutcome } = this.#binding;
    let chunk = new Uint8Array(0);
    return (received) => {
      const outcome = state[readOutcome]!;
      if (outcome <= 0) return this.#finish(outcome);
      if (received !== undefined) {
        onChunk(new Uint8Array(received));
        this.#lendBuffer();
        return;
      }
      // Most messages are as long as the one before.
      if (chunk.length !== outcome) {
        chunk = new Uint8Array(this.#buffer!, 0, outcome);
      }
      onChunk(chunk);
      if (chunk.length === 0) this.#replaceBuffer();
    };
  }

  resume(): void {
    if (this.#over) return;
    if (this.#buffer?.byteLength === 0) this.#replaceBuffer();
    this.handle.readStart();
  }

  pause(): void {
    if (!this.#over) this.handle.readStop();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    const request = spareRequest;
    const status = this.handle.writeBuffer(request, chunk);
    if (status !== 0) return Promise.reject(this.#error(status, "write"));
    if (this.#state[this.#writeIsPending] === 0) {
      this.#polled = true;
      return undefined;
    }
    spareRequest = {};
    return this.#polled || this.handle.getBytesRead?.() !== 0
      ? this.#completion(request, chunk)
      : this.#firstCompletion(request, chunk);
  }

  shutdown(): Promise<void> {
    return this.#shutdown ??= this.#firstWrite === undefined
      ? this.#sendEnd()
      : this.#firstWrite.then(() => this.#sendEnd());
  }

  reset(): void {
    this.handle.reset?.();
  }

  close(chunkInUse: boolean): void {
    this.#over = true;
    // Cancels pending writes; a unix handle never completes its shutdown.
    this.handle.close();
    this.#settleShutdown?.();
    if (this.#buffer === undefined) return;
    returnReadBuffer(this.#buffer, chunkInUse);
    this.#buffer = undefined;
  }

  /** Writes zero bytes: this fails if the peer is gone, but not after its half-close. */
  hasLostPeer(): boolean {
    if (!this.#polled && this.handle.getBytesRead?.() === 0) return false;
    const status = this.handle.writeBuffer(
      { oncomplete() {} },
      new Uint8Array(),
    );
    return status !== 0 || this.#state[this.#writeIsPending] !== 0;
  }

  ref(): void {
    this.handle.ref();
  }

  unref(): void {
    this.handle.unref();
  }

  setNoDelay(enable: boolean): void {
    this.handle.setNoDelay?.(enable);
  }

  setKeepAlive(enable: boolean): void {
    this.handle.setKeepAlive?.(enable, 0);
  }

  #lendBuffer(): void {
    if (this.#over) return;
    this.#buffer = lendReadBuffer();
    if (this.#buffer === undefined) return;
    this.handle.useUserBuffer(new Uint8Array(this.#buffer));
  }

  /** The receiver of the last chunk transferred its memory, as byte streams do. */
  #replaceBuffer(): void {
    if (this.#buffer === undefined) return;
    returnReadBuffer(this.#buffer, true);
    this.#lendBuffer();
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
      // The call fails if the peer is gone, which gets no end then.
      if (this.handle.shutdown({ oncomplete }) !== 0) resolve();
    });
  }

  /**
   * Retries a first write once. Deno (2.9) does not try a write before it has polled
   * the socket, and reports EPIPE when the peer has half-closed without sending
   * anything, although the kernel would take the bytes. No byte was sent by then.
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
    this.#firstWrite = sending.catch(() => {});
    return sending;
  }

  /** The request keeps the chunk from garbage collection until it is sent. */
  #completion(
    request: StreamRequest & { chunk?: Uint8Array | undefined },
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

/**
 * Adopts a listening descriptor, and accepts on it.
 *
 * @throws {ActivationError} As `adoptFd()`.
 */
export function acceptWithHandles<C>(
  binding: StreamBinding,
  listenFd: number | ListenFd,
  backlog: number,
  wrap: (handle: StreamHandle) => C,
): Promise<HandleAcceptor<C>> {
  return adoptFd(listenFd, "listen", (fd) =>
    new HandleAcceptor(
      (onConnection) => binding.listen(fd, backlog, onConnection),
      wrap,
      { onClosed: () => closedFd(fd) },
    ));
}

/**
 * Listens on a new socket, and accepts on it.
 *
 * @throws The errors of `Deno.listen()`.
 */
export function acceptAtWithHandles<C>(
  binding: StreamBinding,
  where: ListenAddress,
  backlog: number,
  wrap: (handle: StreamHandle) => C,
): HandleAcceptor<C> {
  const listen = (onConnection: (handle: StreamHandle) => void) => {
    const handle = binding.bind(where, backlog, onConnection);
    if (handle !== undefined) return handle;
    denoListen(where).close();
    throw new Deno.errors.AddrInUse("Cannot listen: the address is in use");
  };
  const addr = "path" in where
    ? { transport: "unix" as const, path: where.path }
    : undefined;
  return new HandleAcceptor(listen, wrap, { addr });
}

/** Accepts on a listening socket of the runtime's event loop. */
export class HandleAcceptor<C> implements Acceptor<C> {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #handle: ServerHandle;
  readonly #stopRearming: () => void;
  readonly #onClosed: () => void;
  /** Connections accepted before `start`. */
  readonly #queue: C[] = [];
  #onConnection = (conn: C): void => void this.#queue.push(conn);

  /**
   * @param listen Opens the socket, and calls back with each connection.
   * @param options.addr The path of a unix socket, if it is known.
   */
  constructor(
    listen: (onConnection: (handle: StreamHandle) => void) => ServerHandle,
    wrap: (handle: StreamHandle) => C,
    { addr, onClosed = () => {} }: {
      addr?: Deno.UnixAddr | undefined;
      onClosed?: () => void;
    } = {},
  ) {
    this.#onClosed = onClosed;
    this.#handle = listen((accepted) => {
      this.#onConnection(wrap(accepted));
    });
    this.addr = addr ?? handleAddr(this.#handle, "getsockname");
    this.#stopRearming = rearmAccept(() => this.#handle);
  }

  start(onConnection: (conn: C) => void): void {
    this.#onConnection = onConnection;
    for (const conn of this.#queue.splice(0)) onConnection(conn);
  }

  close(): void {
    this.#stopRearming();
    this.#handle.close();
    this.#onClosed();
  }

  ref(): void {
    this.#handle.ref();
  }

  unref(): void {
    this.#handle.unref();
  }
}
