/**
 * The runtime's own stream handles, below `node:net`: all that this project uses
 * without being documented. Numbers come from the runtime's exports, and the form
 * of everything is checked at the start; where it is another one, `node:net` and
 * `node:tls` are used alone, which do the same more slowly.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** A stream socket as the runtime's event loop has it: what `node:net` is made of. */
export interface StreamHandle {
  /**
   * Called with what was received; without anything when that is in the buffer
   * that was lent, at the end, and on errors. `readStart` looks it up.
   */
  onread?(received?: ArrayBuffer): void;
  readStart(): number;
  readStop(): number;
  /** Has what is received put there, from now on. */
  useUserBuffer(buffer: Uint8Array): void;
  /**
   * Sends bytes, which must stay as they are until it is done. Says in the
   * binding's state whether that was at once; else calls `oncomplete` later.
   */
  writeBuffer(request: StreamRequest, bytes: Uint8Array): number;
  shutdown(request: StreamRequest): number;
  listen(backlog: number): number;
  close(): void;
  ref(): void;
  unref(): void;
  /** How much was received; libuv has no such name. */
  getBytesRead?(): number;
  /** The following are TCP's. */
  getsockname?(into: Partial<SocketName>): number;
  getpeername?(into: Partial<SocketName>): number;
  setNoDelay?(enable: boolean): number;
  setKeepAlive?(enable: boolean, delaySeconds: number): number;
}

/** A listening socket. */
export interface ServerHandle extends StreamHandle {
  onconnection?(status: number, handle?: StreamHandle): void;
}

/** What a handle reports the outcome of a write or shutdown to. */
export interface StreamRequest {
  oncomplete?(status: number): void;
}

/** An address as TCP handles tell it. */
export interface SocketName {
  address: string;
  port: number;
}

/** What a listening socket, or a connected one, is opened as. */
type Role = "SOCKET" | "SERVER";

interface HandleModule {
  constants: Record<Role, number>;
  setupListenWrap(server: ServerHandle): void;
}

type HandleClass = new (role: number) => ServerHandle & {
  open(fd: number): number;
};

/** A descriptor that was opened as a server, if the runtime did open it. */
interface Opened {
  handle: ServerHandle | undefined;
  /** Of open, or of listen(2): 0 when it listens. */
  status: number;
  /** Connections accepted before a caller adopted the listening socket. */
  early: StreamHandle[];
  onAccepted: (handle: StreamHandle) => void;
}

/** What the runtime calls a descriptor that is no stream socket, and what that is. */
const OTHER_KINDS: Record<string, string> = {
  FILE: "it is a file or a device",
  TTY: "it is a terminal",
  UNKNOWN:
    "it is a datagram, sequential packet or vsock socket, or not open at all",
};

export const UNIX_SOCKET = "it is a unix socket";

/** A descriptor is of another kind than the caller asked for. */
export class RefusedFd extends Error {
  /** Whether the descriptor was closed; if not, another call may adopt it. */
  readonly closed: boolean;

  constructor(message: string, { closed = false } = {}) {
    super(message);
    this.closed = closed;
  }
}

/**
 * The runtime's stream handles, below `node:net`. That takes each message through
 * some twenty calls, and twice as long to load: what a service of small messages,
 * started on demand, spends most of its time on.
 */
export class StreamBinding {
  readonly #modules: Record<"PIPE" | "TCP", HandleModule>;
  readonly #classes: Record<"PIPE" | "TCP", HandleClass>;
  readonly #guessHandleType: (fd: number) => string;
  readonly #errname: (status: number) => string;
  readonly #invalid: number;
  readonly #notSocket: number;
  /**
   * Handles of refused descriptors. The runtime opens a descriptor only once, so
   * another call takes the handle from here.
   */
  readonly #refused = new Map<number, Opened>();
  /** The result of the last call on any handle. */
  readonly state: Int32Array;
  /** Where the state has a count of bytes, the end, or an error, in `onread`. */
  readonly readOutcome: number;
  /** Where the state is 1 when the kernel did not take a write at once. */
  readonly writeGoesOn: number;
  /** The outcome of a read at the end. */
  readonly end: number;

  /** @throws {TypeError} The runtime has no handles of the form that is known. */
  constructor(load: (name: string) => unknown) {
    const module = <T>(name: string) => load(name) as T;
    const pipe = module<HandleModule & { Pipe: HandleClass }>("pipe_wrap");
    const tcp = module<HandleModule & { TCP: HandleClass }>("tcp_wrap");
    const stream = module<{
      streamBaseState: Int32Array;
      kReadBytesOrError: number;
      kLastWriteWasAsync: number;
    }>("stream_wrap");
    const uv = module<{
      errname(status: number): string;
      UV_EOF: number;
      UV_EINVAL: number;
      UV_ENOTSOCK: number;
    }>("uv");
    this.#modules = { PIPE: pipe, TCP: tcp };
    this.#classes = { PIPE: pipe.Pipe, TCP: tcp.TCP };
    this.state = stream.streamBaseState;
    this.readOutcome = stream.kReadBytesOrError;
    this.writeGoesOn = stream.kLastWriteWasAsync;
    this.end = uv.UV_EOF;
    this.#invalid = uv.UV_EINVAL;
    this.#notSocket = uv.UV_ENOTSOCK;
    this.#errname = uv.errname;
    ({ guessHandleType: this.#guessHandleType } = module<
      { guessHandleType(fd: number): string }
    >("util"));
    this.#check();
  }

  /** Returns what the runtime makes of a descriptor, which stays as it is. */
  kindOf(fd: number): string {
    return this.#guessHandleType(fd);
  }

  /**
   * Checks that a descriptor is a stream socket or a pipe, without opening it.
   *
   * @throws {RefusedFd} It is something else.
   */
  expectStreamSocket(fd: number, { onlyTcp = false } = {}): void {
    const kind = this.kindOf(fd);
    const other = OTHER_KINDS[kind] ??
      (onlyTcp && kind !== "TCP" ? UNIX_SOCKET : undefined);
    if (other !== undefined) throw new RefusedFd(other);
  }

  /**
   * Opens a descriptor that was inherited, and calls back with each connection of
   * that listening socket, from this call on.
   *
   * @throws {RefusedFd} It does not listen.
   */
  listen(
    fd: number,
    backlog: number,
    onConnection: (handle: StreamHandle) => void,
  ): ServerHandle {
    const opened = this.#open(fd, backlog);
    const { handle, status, early } = opened;
    if (handle === undefined || status !== 0) throw this.#refuse(fd, opened);
    opened.onAccepted = onConnection;
    handle.ref();
    early.forEach(onConnection);
    return handle;
  }

  /**
   * Opens a descriptor that was inherited, as a connected socket.
   *
   * For a unix socket or a pipe, listen(2) decides: it fails with EINVAL on a
   * connected socket, and on one that was never bound. On a listening socket it
   * sets the backlog.
   *
   * @throws {RefusedFd} It is not connected.
   */
  connect(fd: number, backlog: number): StreamHandle {
    const opened = this.#open(fd, backlog);
    if (opened.status !== this.#invalid) throw this.#refuse(fd, opened);
    if (opened.handle !== undefined) {
      opened.handle.ref();
      return opened.handle;
    }
    // TCP: the runtime does not open a connection as a server.
    const handle = this.#create(fd, "SOCKET");
    const status = handle.open(fd);
    if (status !== 0) throw this.error(status, "open");
    if (handle.getpeername?.({}) === 0) return handle;
    handle.close();
    throw new RefusedFd("it has no peer, or none any more", { closed: true });
  }

  /** Opens a descriptor as a server, or returns what was opened and refused before. */
  #open(fd: number, backlog: number): Opened {
    const refused = this.#refused.get(fd);
    if (refused !== undefined) {
      this.#refused.delete(fd);
      return refused;
    }
    this.expectStreamSocket(fd);
    const handle = this.#create(fd, "SERVER");
    const early: StreamHandle[] = [];
    const opened: Opened = {
      handle: undefined,
      status: handle.open(fd),
      early,
      onAccepted: (accepted) => early.push(accepted),
    };
    if (opened.status !== 0) return opened;
    opened.handle = handle;
    handle.onconnection = (_status, accepted) => {
      if (accepted !== undefined) opened.onAccepted(accepted);
    };
    this.#modules[this.#typeOf(fd)].setupListenWrap(handle);
    opened.status = handle.listen(backlog);
    return opened;
  }

  /** Keeps the open handle for another call, and returns the error of this one. */
  #refuse(fd: number, opened: Opened): RefusedFd {
    const { handle, status } = opened;
    if (handle !== undefined) {
      handle.unref();
      this.#refused.set(fd, opened);
    }
    const isTcp = this.#typeOf(fd) === "TCP";
    const socket = isTcp ? "a TCP socket" : "a unix socket";
    const connection = isTcp ? "a TCP connection" : "a unix connection";
    switch (status) {
      case 0:
        return new RefusedFd(`it is ${socket} that listens`);
      case this.#invalid:
        return new RefusedFd(`it is ${connection}`);
      case this.#notSocket:
        return new RefusedFd("it is a FIFO or a pipe");
      default:
        return new RefusedFd(this.error(status, "listen").message);
    }
  }

  #typeOf(fd: number): "PIPE" | "TCP" {
    return this.kindOf(fd) === "TCP" ? "TCP" : "PIPE";
  }

  #create(fd: number, role: Role) {
    const type = this.#typeOf(fd);
    return new this.#classes[type](this.#modules[type].constants[role]);
  }

  /** Returns the error that `node:net` would have for a status. */
  error(status: number, syscall: string): Error & { code: string } {
    const code = this.#errname(status);
    return Object.assign(new Error(`${syscall} ${code}`), {
      code,
      errno: status,
      syscall,
    });
  }

  #check(): void {
    const methods = [
      ["open", "listen", "close", "ref", "unref", "readStart", "readStop"],
      ["useUserBuffer", "writeBuffer", "shutdown"],
    ].flat();
    const isIndex = (at: unknown) =>
      Number.isInteger(at) && (at as number) >= 0 &&
      (at as number) < this.state.length;
    const isStatus = (status: unknown) =>
      Number.isInteger(status) && (status as number) < 0;
    const known = this.state instanceof Int32Array &&
      isIndex(this.readOutcome) && isIndex(this.writeGoesOn) &&
      this.readOutcome !== this.writeGoesOn &&
      isStatus(this.end) && isStatus(this.#invalid) &&
      isStatus(this.#notSocket) &&
      Object.values(this.#classes).every(({ prototype }) =>
        methods.every((name) => typeof prototype[name] === "function")
      ) &&
      Object.values(this.#modules).every(({ constants, setupListenWrap }) =>
        typeof constants.SERVER === "number" &&
        typeof setupListenWrap === "function"
      ) &&
      typeof this.#guessHandleType === "function" &&
      typeof this.#errname === "function";
    if (!known) {
      throw new TypeError("The runtime's handles are of another form");
    }
  }
}

let loading: Promise<StreamBinding | undefined> | undefined;

/** Returns the runtime's stream handles; undefined when it does not share them. */
export function streamBinding(): Promise<StreamBinding | undefined> {
  return loading ??= load();
}

async function load(): Promise<StreamBinding | undefined> {
  const { default: process } = await import("node:process");
  try {
    const { binding } = process as unknown as {
      binding(name: string): unknown;
    };
    return new StreamBinding(binding);
  } catch {
    return undefined;
  }
}

/** A socket of `node:net`, and below one of `node:tls`, as far as this needs them. */
interface Below {
  readonly _handle?: Partial<StreamHandle> | null;
  readonly _parent?: Below;
}

/** As {@linkcode StreamBinding.mayHavePeer}, for a socket of `node:net`. */
export async function socketMayHavePeer(
  socket: Socket,
  backlog: number,
): Promise<boolean> {
  const { constants } = await import("node:os");
  const { _handle: handle } = socket as Below;
  return handle?.listen === undefined ||
    handle.listen(backlog) === -constants.errno.EINVAL;
}

/**
 * Makes the peer of a TLS connection wait while the connection is paused. Deno
 * (2.9) goes on to receive and keeps it all in memory, so the socket below is
 * stopped and started along.
 */
export function keepBackPressure(socket: TLSSocket): void {
  const { _parent: below } = socket as Below;
  socket.on("pause", () => below?._handle?.readStop?.());
  socket.on("resume", () => {
    // The event comes late: the socket may have been paused again.
    if (!socket.isPaused()) below?._handle?.readStart?.();
  });
}

/** How often a failed accept is retried, in milliseconds. */
const REARM_MS = 1_000;

/** A handle that listens; `node:net` has none once its server is closed. */
type Listening = () => Partial<StreamHandle> | null | undefined;

/** All that listen in this process share one timer. */
const listening = new Set<Listening>();
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Retries accept(2) once a second. Deno (2.9) no longer polls a listening socket
 * once accept(2) or epoll_ctl(2) has failed for it, for want of descriptors or
 * memory or for any other reason.
 *
 * @returns What ends that, to be called before the handle is closed.
 */
export function rearmAccept(handle: Listening): () => void {
  listening.add(handle);
  timer ??= setInterval(rearmAll, REARM_MS);
  timer.unref();
  return () => {
    listening.delete(handle);
    if (listening.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** As {@linkcode rearmAccept}, for a server while it listens. */
export function rearmServer(server: Server): void {
  server.on("listening", () => {
    const end = rearmAccept(() => (server as Below)._handle);
    server.once("close", end);
  });
}

function rearmAll(): void {
  for (const current of listening) {
    const handle = current();
    if (handle?.readStart === undefined) continue;
    // Nothing can be read there: `readStart` re-arms polling, which retries accept(2).
    handle.onread ??= () => {};
    if (handle.readStart() === 0) handle.readStop?.();
  }
}
