/** A stream socket of the runtime's event loop, which `node:net` is built on. */
export interface StreamHandle {
  /**
   * Called with received bytes; with undefined when they are in the user buffer, at
   * the end, and on errors. `readStart` looks this property up.
   */
  onread?: ((received?: ArrayBuffer) => void) | undefined;
  readStart(): number;
  readStop(): number;
  /** Makes the handle receive into this buffer. */
  useUserBuffer(buffer: Uint8Array): void;
  /**
   * Sends bytes, which must not change before completion. The binding's state has
   * whether the write is pending; if so, `oncomplete` is called later.
   */
  writeBuffer(request: StreamRequest, bytes: Uint8Array): number;
  shutdown(request: StreamRequest): number;
  listen(backlog: number): number;
  close(): void;
  ref(): void;
  unref(): void;
  /** Returns a copy of the descriptor, or a negative status. */
  fdForIpc?(): number;
  /** The number of bytes received. */
  getBytesRead?(): number;
  // Only TCP handles have the following methods.
  getsockname?(into: Partial<SocketName>): number;
  getpeername?(into: Partial<SocketName>): number;
  /** Closes the connection with a reset. */
  reset?(): number;
  setNoDelay?(enable: boolean): number;
  setKeepAlive?(enable: boolean, delaySeconds: number): number;
  /** Moves the socket out of the handle. Returns its resource number. */
  takeStream?(): number;
}

/** A listening socket. */
export interface ServerHandle extends StreamHandle {
  onconnection?(status: number, handle?: StreamHandle): void;
}

/** A pending write or shutdown. */
export interface StreamRequest {
  oncomplete?(status: number): void;
}

/** An address of a TCP handle. */
export interface SocketName {
  address: string;
  port: number;
}

/** The role that a descriptor is opened in. */
export type Role = "SOCKET" | "SERVER";

/** A module of handles. */
export interface HandleModule {
  constants: Record<Role, number>;
  setupListenWrap(server: ServerHandle): void;
}

/** A class of handles. */
export type HandleClass = new (role: number) => ServerHandle & {
  open(fd: number): number;
  /** @throws {Deno.errors.NotCapable} The permission is missing. */
  bind(address: string, port?: number): number;
};

/** Where to listen when no socket was passed. */
export type ListenAddress = { hostname: string; port: number } | {
  path: string;
};
