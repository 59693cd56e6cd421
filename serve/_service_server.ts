/** The callbacks of a server. */
export interface ServiceServerEvents {
  /** accept(2) has failed. */
  onAcceptError(error: unknown): void;
  /** Whether the service may exit when it is idle. */
  readonly exitsIdle: boolean;
  /**
   * A request has begun, or a WebSocket is open: the service is not idle until the
   * returned function is called, once.
   */
  hold(): () => void;
}

/** One listening socket of a service. */
export interface ServiceServer {
  /** The bound address. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** Starts to serve. */
  start(events: ServiceServerEvents): void;
  /**
   * Stops accepting. From then on each response of HTTP/1 has `Connection: close`. A
   * connection stays open for `GRACE_MS` after its last response, or after the call if it
   * is idle; it is read once more, and closed if it has no request. WebSockets get
   * `close(1001)`, also those that are upgraded later. Resolves when all connections are
   * closed.
   */
  drain(): Promise<void>;
  /** Closes all connections at once; a pending `drain()` resolves. */
  abort(): void;
  /** Sets whether the server and its connections keep the process alive. */
  setRef(isRef: boolean): void;
}
