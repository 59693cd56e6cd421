/**
 * The time that a new client has for its first request when the service stops, in
 * milliseconds.
 */
export const FIRST_REQUEST_MS = 500;

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
