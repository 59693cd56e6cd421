import type { InheritedConn, InheritedListener } from "../mod.ts";
import { EchoConnection } from "./echo_connection.ts";

/** How much an {@linkcode EchoServer} takes on, and whom it tells. */
export interface EchoServerOptions {
  /** How many connections are served at a time. */
  maxConnections: number;
  /** How many more are held, unread, until others leave. */
  maxWaiting: number;
  /** Close a connection that sent nothing for so long, in milliseconds; 0 never. */
  connectionTimeoutMs: number;
  /** Stop when there was no connection for so long, in milliseconds; 0 never. */
  idleTimeoutMs: number;
  /** Called with each chunk that a peer sent. */
  onChunk(chunk: Uint8Array): void;
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
  readonly #waiting: InheritedConn[] = [];
  readonly #idle = Promise.withResolvers<void>();
  readonly #status = { served: 0, bytes: 0 };
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;

  constructor(listener: InheritedListener, options: EchoServerOptions) {
    this.#listener = listener;
    this.#options = options;
  }

  get status(): EchoServerStatus {
    return {
      ...this.#status,
      open: this.#open.size,
      waiting: this.#waiting.length,
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
    for (const conn of this.#waiting.splice(0)) conn[Symbol.dispose]();
    for (const connection of this.#open) connection.close();
  }

  #take(conn: InheritedConn): void {
    clearTimeout(this.#idleTimer);
    if (this.#open.size < this.#options.maxConnections) {
      this.#serve(conn);
    } else if (this.#waiting.length < this.#options.maxWaiting) {
      this.#waiting.push(conn);
    } else {
      conn[Symbol.dispose]();
      this.#options.onRefused();
    }
  }

  #serve(conn: InheritedConn): void {
    const connection = new EchoConnection(conn);
    this.#open.add(connection);
    this.#status.served += 1;
    // A peer that is gone is nobody else's concern.
    connection.serve((chunk) => {
      this.#status.bytes += chunk.length;
      this.#options.onChunk(chunk);
    }).catch(() => {}).finally(() => this.#leave(connection));
    if (this.#stopping) connection.drain();
  }

  #leave(connection: EchoConnection): void {
    this.#open.delete(connection);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#serve(next);
    else this.#settle();
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
