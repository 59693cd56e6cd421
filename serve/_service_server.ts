/**
 * The time for which a connection stays open when the service stops, after its last
 * response, or from the start of the drain if it is idle, in milliseconds: the client may
 * have sent another request.
 */
export const GRACE_MS = 250;

/**
 * The time in which a client must finish a request that has its response, and must read
 * the last response.
 */
export const LINGER_MS = 5_000;

/** The time that a client has for its headers. */
export const HEADERS_TIMEOUT_MS = 60_000;

/** The interval at which that time is checked. */
export const HEADERS_CHECK_MS = 1_000;

/** The status of a request that cannot be parsed, by the code of the error. */
export const CLIENT_ERRORS: Record<string, number | undefined> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/** What a server calls. */
export interface ServiceServerEvents {
  /** accept(2) has failed. */
  onAcceptError(error: unknown): void;
  /**
   * A request has begun, or a WebSocket is open: the service is not idle. Call the
   * result once at its end.
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
