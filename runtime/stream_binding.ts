/**
 * The runtime's stream handles, below `node:net`. All undocumented API that this project
 * uses is in this folder. Numbers come from the runtime's exports, and the shape of
 * everything is validated at the start. If validation fails, `node:net`, `node:tls` and
 * `node:http` are used alone, with the same behaviour at lower speed.
 *
 * @module
 */

import {
  IS_UNIX_SOCKET,
  OTHER_KINDS,
  RefusedFdError,
  UDP_KINDS,
} from "./refused_fd.ts";
import type {
  HandleClass,
  HandleModule,
  ListenAddress,
  Role,
  ServerHandle,
  StreamHandle,
} from "./stream_handle.ts";

/** The result of opening a descriptor as a server. */
interface OpenedFd {
  /** Undefined when the runtime could not open it. */
  handle: ServerHandle | undefined;
  /** The result of `open` or of listen(2): 0 when the socket listens. */
  status: number;
  /** Connections accepted before a caller adopted the listening socket. */
  queue: StreamHandle[];
  onAccepted: (handle: StreamHandle) => void;
}

/**
 * The runtime's stream handles. `node:net` above them takes twice as long to load, and
 * most of the processor time of a service with small messages.
 */
export class StreamBinding {
  readonly #modules: Record<"PIPE" | "TCP", HandleModule>;
  readonly #classes: Record<"PIPE" | "TCP", HandleClass>;
  readonly #guessHandleType: (fd: number) => string;
  readonly #errname: (status: number) => string;
  readonly #invalid: number;
  readonly #notSocket: number;
  /** Handles of refused descriptors, which the runtime opens only once. */
  readonly #refused = new Map<number, OpenedFd>();
  /** The result of the last call on any handle. */
  readonly state: Int32Array;
  /** The index in the state of the outcome of a read: bytes, the end, or an error. */
  readonly readOutcome: number;
  /** The index in the state that is 1 when the kernel did not take a write at once. */
  readonly writeIsPending: number;
  /** The outcome of a read after the last byte. */
  readonly end: number;

  /** @throws {TypeError} The runtime has no handles of the known shape. */
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
    this.writeIsPending = stream.kLastWriteWasAsync;
    this.end = uv.UV_EOF;
    this.#invalid = uv.UV_EINVAL;
    this.#notSocket = uv.UV_ENOTSOCK;
    this.#errname = uv.errname;
    ({ guessHandleType: this.#guessHandleType } = module<
      { guessHandleType(fd: number): string }
    >("util"));
    this.#check();
  }

  /** Returns the runtime's name for the kind of a descriptor, without opening it. */
  kindOf(fd: number): string {
    return this.#guessHandleType(fd);
  }

  /** Whether a descriptor may be a stream socket, or a UDP socket: opening it decides. */
  mayBe(fd: number, use: "stream" | "udp"): boolean {
    const kind = this.kindOf(fd);
    return use === "udp" ? UDP_KINDS.includes(kind) : !(kind in OTHER_KINDS);
  }

  /**
   * Checks that a descriptor is a stream socket or a pipe, without opening it.
   *
   * @throws {RefusedFdError} It is of another kind.
   */
  expectStreamSocket(
    fd: number,
    { onlyTcp = false }: { onlyTcp?: boolean } = {},
  ): void {
    const kind = this.kindOf(fd);
    const other = OTHER_KINDS[kind] ??
      (onlyTcp && kind !== "TCP" ? IS_UNIX_SOCKET : undefined);
    if (other !== undefined) throw new RefusedFdError(other);
  }

  /**
   * Opens a passed descriptor as a listening socket, and calls back with each
   * connection.
   *
   * @throws {RefusedFdError} It is not a listening socket.
   */
  listen(
    fd: number,
    backlog: number,
    onConnection: (handle: StreamHandle) => void,
  ): ServerHandle {
    const opened = this.#open(fd, backlog);
    const { handle, status, queue } = opened;
    if (handle === undefined || status !== 0) throw this.#refuse(fd, opened);
    opened.onAccepted = onConnection;
    handle.ref();
    queue.forEach(onConnection);
    return handle;
  }

  /**
   * Listens on a new socket, and calls back with each connection. Closing the handle of
   * a unix socket removes its path.
   *
   * @returns Undefined if that is not possible: `Deno.listen()` throws the reason.
   * @throws {Deno.errors.NotCapable} A permission is missing.
   */
  bind(
    where: ListenAddress,
    backlog: number,
    onConnection: (handle: StreamHandle) => void,
  ): ServerHandle | undefined {
    const type = "path" in where ? "PIPE" : "TCP";
    const { constants, setupListenWrap } = this.#modules[type];
    const handle = new this.#classes[type](constants.SERVER);
    handle.onconnection = (_status, accepted) => {
      if (accepted !== undefined) onConnection(accepted);
    };
    setupListenWrap(handle);
    let status = this.#invalid;
    try {
      if ("path" in where) status = handle.bind(where.path);
      // `bind` reduces other numbers to 16 bits.
      else if (where.port === (where.port & 0xffff)) {
        status = handle.bind(where.hostname, where.port);
      }
      // After a failed `bind`, it listens on a random port of every address.
      if (status === 0) status = handle.listen(backlog);
    } finally {
      if (status !== 0) handle.close();
    }
    return status === 0 ? handle : undefined;
  }

  /**
   * Opens a passed descriptor as a connected socket.
   *
   * For a unix socket or a pipe, listen(2) decides: it fails with EINVAL on a
   * connected socket, and on one that was never bound. On a listening socket it
   * sets the backlog.
   *
   * @throws {RefusedFdError} It is not a connected socket.
   */
  connect(fd: number, backlog: number): StreamHandle {
    const opened = this.#open(fd, backlog);
    if (opened.status !== this.#invalid) throw this.#refuse(fd, opened);
    if (opened.handle !== undefined) {
      opened.handle.ref();
      return opened.handle;
    }
    // The runtime does not open a TCP connection as a server.
    const handle = this.#create(fd, "SOCKET");
    const status = handle.open(fd);
    if (status !== 0) throw this.error(status, "open");
    return handle;
  }

  /** Opens a descriptor as a server, or returns the handle of an earlier refusal. */
  #open(fd: number, backlog: number): OpenedFd {
    const refused = this.#refused.get(fd);
    if (refused !== undefined) {
      this.#refused.delete(fd);
      return refused;
    }
    this.expectStreamSocket(fd);
    const handle = this.#create(fd, "SERVER");
    const queue: StreamHandle[] = [];
    const opened: OpenedFd = {
      handle: undefined,
      status: handle.open(fd),
      queue,
      onAccepted: (accepted) => queue.push(accepted),
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

  /**
   * Keeps the open handle for the next call, and returns the error of this one: only
   * these results confirm the kind of the descriptor.
   */
  #refuse(fd: number, opened: OpenedFd): Error {
    const { handle, status } = opened;
    const isTcp = this.#typeOf(fd) === "TCP";
    const kinds = new Map([
      [0, `it is a ${isTcp ? "TCP" : "unix"} socket that listens`],
      [this.#invalid, `it is a ${isTcp ? "TCP" : "unix"} connection`],
      [this.#notSocket, "it is a FIFO or a pipe"],
    ]);
    const kind = kinds.get(status);
    if (kind === undefined) {
      handle?.close();
      return this.error(status, handle === undefined ? "open" : "listen");
    }
    if (handle !== undefined) {
      handle.unref();
      this.#refused.set(fd, opened);
    }
    return new RefusedFdError(kind);
  }

  #typeOf(fd: number): "PIPE" | "TCP" {
    return this.kindOf(fd) === "TCP" ? "TCP" : "PIPE";
  }

  #create(fd: number, role: Role) {
    const type = this.#typeOf(fd);
    return new this.#classes[type](this.#modules[type].constants[role]);
  }

  /** Returns the error that `node:net` has for a status. */
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
      ["open", "bind", "listen", "close", "ref", "unref", "readStart"],
      ["readStop", "useUserBuffer", "writeBuffer", "shutdown"],
    ].flat();
    const isIndex = (at: unknown) =>
      Number.isInteger(at) && (at as number) >= 0 &&
      (at as number) < this.state.length;
    const isStatus = (status: unknown) =>
      Number.isInteger(status) && (status as number) < 0;
    const known = this.state instanceof Int32Array &&
      isIndex(this.readOutcome) && isIndex(this.writeIsPending) &&
      this.readOutcome !== this.writeIsPending &&
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
      throw new TypeError("The runtime's handles have another shape");
    }
  }
}

let loading: Promise<StreamBinding | undefined> | undefined;

/** Returns the runtime's stream handles; undefined when they fail validation. */
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
