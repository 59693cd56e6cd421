/**
 * The time that a new client has for its first request when the service stops, in
 * milliseconds.
 */
export const FIRST_REQUEST_MS = 500;

/** The time that a client has for its headers. */
export const HEADERS_TIMEOUT_MS = 60_000;

/** The interval at which that time is checked. */
export const HEADERS_CHECK_MS = 1_000;

/** The status of a request that cannot be parsed, by the code of the error. */
export const CLIENT_ERRORS: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};

/** What a server calls. */
export interface ServiceServerEvents {
  /** accept(2) has failed. */
  onAcceptError(error: unknown): void;
  /** The number of connections has changed. */
  onChange(): void;
}

/** One listening socket of a service. */
export interface ServiceServer {
  /** The bound address. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** The number of open connections. */
  readonly connections: number;
  /** Starts to serve. */
  start(events: ServiceServerEvents): void;
  /**
   * Stops accepting, and waits until all connections are closed: the idle ones at once,
   * the others with their response.
   */
  drain(): Promise<void>;
  /** Closes all connections at once. */
  abort(): void;
  ref(): void;
  unref(): void;
}
