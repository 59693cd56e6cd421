/**
 * The time that a new client has for its first request when the service stops, in
 * milliseconds.
 */
export const FIRST_REQUEST_MS = 500;

/** One listening socket of a service. */
export interface ServiceServer {
  /** The bound address. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** Starts to serve. */
  start(onAcceptError: (error: unknown) => void): void;
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
