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
   * Sends bytes, which must not change before completion. The binding's state says
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
