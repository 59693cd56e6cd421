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

/** Where the state has a count of bytes, the end, or an error. */
export const READ_OUTCOME = 0;

/** Where the state is 1 when the kernel did not take a write at once. */
export const WRITE_GOES_ON = 3;

/** The outcome of a read at the end. */
export const END = -4095;

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
  /**
   * What the last call on any handle has to tell: at `READ_OUTCOME` when `onread`
   * is called without a chunk, at `WRITE_GOES_ON` when `writeBuffer` returns.
   */
  readonly state: Int32Array;

  /** @throws {TypeError} The runtime has no handles of the form that is known. */
  constructor(load: (name: string) => unknown) {
    const module = <T>(name: string) => load(name) as T;
    const pipe = module<HandleModule & { Pipe: HandleClass }>("pipe_wrap");
    const tcp = module<HandleModule & { TCP: HandleClass }>("tcp_wrap");
    const { streamBaseState } = module<{ streamBaseState: Int32Array }>(
      "stream_wrap",
    );
    this.#modules = { PIPE: pipe, TCP: tcp };
    this.#classes = { PIPE: pipe.Pipe, TCP: tcp.TCP };
    this.state = streamBaseState;
    ({ guessHandleType: this.#guessHandleType } = module<
      { guessHandleType(fd: number): string }
    >("util"));
    ({ errname: this.#errname } = module<
      { errname(status: number): string }
    >("uv"));
    this.#check();
  }

  /**
   * Opens a descriptor that was inherited.
   *
   * @throws {Error} It is no stream socket; with the system's `code`.
   */
  open(fd: number, role: Role): ServerHandle {
    const type = this.#guessHandleType(fd);
    if (type !== "PIPE" && type !== "TCP") throw this.error(-22, "open");
    const module = this.#modules[type];
    const handle = new this.#classes[type](module.constants[role]);
    const status = handle.open(fd);
    if (status !== 0) throw this.error(status, "open");
    return handle;
  }

  /**
   * Calls back with each connection of a listening socket.
   *
   * @throws {Error} It does not listen; with the system's `code`.
   */
  listen(
    server: ServerHandle,
    backlog: number,
    onConnection: (handle: StreamHandle) => void,
  ): void {
    server.onconnection = (_status, handle) => {
      if (handle !== undefined) onConnection(handle);
    };
    this.#modules[server.getsockname === undefined ? "PIPE" : "TCP"]
      .setupListenWrap(server);
    const status = server.listen(backlog);
    if (status !== 0) {
      server.close();
      throw this.error(status, "listen");
    }
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
    const known = this.state instanceof Int32Array &&
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
