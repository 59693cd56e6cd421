import type { InheritedConn, InheritedListener } from "../mod.ts";
import { EchoConnection } from "./echo_connection.ts";

/** How much an {@linkcode EchoServer} takes on, and whom it tells. */
export interface EchoServerOptions {
  /** How many connections are served at a time. */
  maxConnections: number;
  /** How many more are held until others leave, with what they sent first. */
  maxWaiting: number;
  /** Close a connection that sent nothing for so long, in milliseconds; 0 never. */
  connectionTimeoutMs: number;
  /** Stop when there was no connection for so long, in milliseconds; 0 never. */
  idleTimeoutMs: number;
  /**
   * Called with each accepted connection. Returns what is called with each chunk
   * that it sends; a chunk is valid during that call.
   */
  onConnection?(conn: InheritedConn): ((chunk: Uint8Array) => void) | undefined;
  /** Called when a connection had to be closed because there were too many. */
  onRefused(): void;
}

/** What an {@linkcode EchoServer} has done so far. */
export interface EchoServerStatus {
  /** Connections that are served now. */
  open: number;
  /** Connections that wait for others to leave. */
  waiting: number;
  /** Connections that were served, those that are open included. */
  served: number;
  /** Bytes that were received. */
  bytes: number;
}

/** Serves every peer of a listener, each on its own. */
export class EchoServer {
  readonly #listener: InheritedListener;
  readonly #options: EchoServerOptions;
  readonly #open = new Set<EchoConnection>();
  /** Those who wait, in order. */
  readonly #waiting = new Set<EchoConnection>();
  readonly #idle = Promise.withResolvers<void>();
  /** What the connections did that are closed. */
  readonly #left = { served: 0, bytes: 0 };
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;

  constructor(listener: InheritedListener, options: EchoServerOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  get status(): EchoServerStatus {
    let { served, bytes } = this.#left;
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

  /** Serves until it was stopped and the last connection is closed. */
  async run(): Promise<void> {
    const sweeper = this.#sweepSilent();
    this.#awaitIdle();
    for await (const conn of this.#listener) this.#take(conn);
    this.#settle();
    await this.#idle.promise;
    clearInterval(sweeper);
  }

  /**
   * Accepts no more, and lets what has been received be echoed. Peers that
   * connect from now on wait in the kernel for the next instance.
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
    // A peer that is gone is nobody else's concern.
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
    // A client that had sent all while it waited was served without being admitted.
    if (!admitted && connection.bytes === 0) return;
    this.#left.served += 1;
    this.#left.bytes += connection.bytes;
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
   * Looks at all connections from time to time, instead of setting a timer for
   * each message: nothing of this is paid for where bytes pass.
   */
  #sweepSilent(): ReturnType<typeof setInterval> | undefined {
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
