import type { InheritedConn, InheritedListener } from "../mod.ts";
import { EchoConnection } from "./echo_connection.ts";

/** Options for {@linkcode EchoServer}. */
export interface EchoServerOptions {
  /** The most connections served at a time. */
  maxConnections: number;
  /** The most connections that wait until others leave. */
  maxWaiting: number;
  /** The time after which to close a silent connection, in milliseconds; 0: never. */
  connectionTimeoutMs: number;
  /** The time without connections after which to stop, in milliseconds; 0: never. */
  idleTimeoutMs: number;
  /**
   * Called with each accepted connection. Returns a callback for its chunks; a chunk is
   * valid during the call.
   */
  onConnection?(conn: InheritedConn): ((chunk: Uint8Array) => void) | undefined;
  /** Called when a connection above both limits was closed. */
  onRefused(): void;
}

/** The counters of an {@linkcode EchoServer}. */
export interface EchoServerStatus {
  /** Connections being served. */
  open: number;
  /** Waiting connections. */
  waiting: number;
  /** Served connections, including open ones. */
  served: number;
  /** Received bytes. */
  bytes: number;
}

/** Serves all peers of a listener concurrently. */
export class EchoServer {
  readonly #listener: InheritedListener;
  readonly #options: EchoServerOptions;
  readonly #open = new Set<EchoConnection>();
  /** In the order of arrival. */
  readonly #waiting = new Set<EchoConnection>();
  readonly #idle = Promise.withResolvers<void>();
  /** The counters of closed connections. */
  readonly #closed = { served: 0, bytes: 0 };
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;

  constructor(listener: InheritedListener, options: EchoServerOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  get status(): EchoServerStatus {
    let { served, bytes } = this.#closed;
    for (const connection of this.#open) {
      served += 1;
      bytes += connection.bytes;
    }
    return {
      served,
      bytes,
      open: this.#open.size,
      waiting: this.#waiting.size,
    };
  }

  /** Serves until the server is stopped and the last connection is closed. */
  async run(): Promise<void> {
    const sweeper = this.#closeSilent();
    this.#awaitIdle();
    for await (const conn of this.#listener) this.#take(conn);
    this.#settle();
    await this.#idle.promise;
    clearInterval(sweeper);
  }

  /**
   * Stops accepting and drains the connections. The kernel queues new connections for the
   * next instance.
   */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#idleTimer);
    this.#listener.close();
    for (const connection of this.#open) connection.drain();
  }

  /** Closes every connection at once. */
  abort(): void {
    for (const connection of this.#waiting) connection.close();
    this.#waiting.clear();
    for (const connection of this.#open) connection.close();
  }

  #take(conn: InheritedConn): void {
    clearTimeout(this.#idleTimer);
    const { maxConnections, maxWaiting } = this.#options;
    const waits = this.#open.size >= maxConnections;
    if (waits && this.#waiting.size >= maxWaiting) {
      conn[Symbol.dispose]();
      this.#options.onRefused();
      return;
    }
    const connection = new EchoConnection(conn, { waits });
    if (waits) this.#waiting.add(connection);
    else this.#admit(connection);
    // An error of one peer does not affect the others.
    connection.serve(this.#options.onConnection?.(conn)).catch(() => {})
      .finally(() => this.#leave(connection));
  }

  #admit(connection: EchoConnection): void {
    this.#open.add(connection);
    connection.admit();
    if (this.#stopping) connection.drain();
  }

  #leave(connection: EchoConnection): void {
    const admitted = this.#open.delete(connection);
    this.#waiting.delete(connection);
    // A client that sent its end while waiting was served without being admitted.
    if (!admitted && connection.bytes === 0) return;
    this.#closed.served += 1;
    this.#closed.bytes += connection.bytes;
    if (!admitted) return;
    const [next] = this.#waiting;
    if (next === undefined) return this.#settle();
    this.#waiting.delete(next);
    this.#admit(next);
  }

  #settle(): void {
    if (this.#open.size > 0) return;
    if (this.#stopping) this.#idle.resolve();
    else this.#awaitIdle();
  }

  #awaitIdle(): void {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === 0) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.stop(), idleTimeoutMs);
  }

  /**
   * Closes silent connections. Checks all of them periodically: a timer for each message
   * would slow the hot path.
   */
  #closeSilent(): ReturnType<typeof setInterval> | undefined {
    const { connectionTimeoutMs } = this.#options;
    if (connectionTimeoutMs === 0) return undefined;
    return setInterval(() => {
      const now = performance.now();
      for (const connection of this.#open) {
        if (connection.silentSince(now) >= connectionTimeoutMs) {
          connection.close();
        }
      }
    }, Math.max(connectionTimeoutMs / 4, 10));
  }
}
