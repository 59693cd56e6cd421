import type { AdoptedConn } from "../activation/connection.ts";
import type { ServerOptions } from "./_run_servers.ts";

/** The second argument of a {@linkcode ConnHandler}. */
export interface ConnInfo {
  /**
   * Aborted when the server begins to stop, not before the first `await` of the handler:
   * finish what has begun, and return.
   */
  readonly stopping: AbortSignal;
  /** Aborted when the connection is closed or broken. */
  readonly signal: AbortSignal;
}

/**
 * Serves one connection.
 *
 * @param conn The connection. It is closed when the handler returns, after the peer has
 * received all that was written.
 * @param info The signals of the connection.
 */
export type ConnHandler = (
  conn: AdoptedConn,
  info: ConnInfo,
) => void | Promise<void>;

/** Options for {@linkcode serveConns}. */
export interface ServeConnsOptions extends ServerOptions {
  /**
   * The most connections that are served at a time. More are accepted, since accepting
   * cannot be paused, and wait unread until others end.
   *
   * @default {Infinity}
   */
  maxConnections?: number | undefined;
  /**
   * The most connections that wait. The rest is closed: a process without free
   * descriptors cannot accept.
   *
   * @default {Infinity}
   */
  maxWaiting?: number | undefined;
  /** Called when a connection above both limits was closed. */
  onRefused?: (() => void) | undefined;
  /**
   * Closes a connection on which nothing was received or sent for this time, in
   * milliseconds; 0 for never.
   *
   * @default {0}
   */
  connectionTimeoutMs?: number | undefined;
  /**
   * Called when a handler throws, which ends its connection only. By default the error
   * is logged. Errors of connections that are closed or broken are ignored.
   */
  onError?: ((error: unknown) => void) | undefined;
}
