import { adoptedConn } from "../activation/_conn.ts";
import { READ_MS, setTimeLimit } from "../activation/_timer.ts";
import type { Acceptor, Transport } from "../activation/_transport.ts";
import type { AdoptedConn } from "../activation/connection.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import type { ServiceServer, ServiceServerEvents } from "./_service_server.ts";
import { WatchedTransport } from "./_watched_transport.ts";
import type { ConnHandler, ServeConnsOptions } from "./conn_handler.ts";

/** The time in which a peer must close its side after the server, in milliseconds. */
const LINGER_MS = 1_000;

/** The longest interval of a check of all connections, in milliseconds. */
const SWEEP_MS = 1_000;

/** An accepted connection. */
export interface Accepted {
  conn: AdoptedConn;
  transport: WatchedTransport;
  /** A signal for each connection: the listeners of ended ones are not kept. */
  stopping: AbortController;
}

/** Returns the connection of an accepted socket, which {@linkcode ConnServer} serves. */
export function watch(transport: Transport): Accepted {
  const watched = new WatchedTransport(transport);
  return {
    conn: adoptedConn(watched),
    transport: watched,
    stopping: new AbortController(),
  };
}

/** Calls a handler with each connection of a listening socket. */
export class ConnServer implements ServiceServer {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #acceptor: Acceptor<Accepted>;
  readonly #handler: ConnHandler;
  readonly #options: ServeConnsOptions;
  readonly #served = new Set<Accepted>();
  /** Connections above the limit, in the order of arrival. */
  readonly #waiting = new Set<Accepted>();
  #events: ServiceServerEvents | undefined;
  #drained = Promise.withResolvers<void>();
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #isRef = true;
  #isStopping = false;

  constructor(
    acceptor: Acceptor<Accepted>,
    handler: ConnHandler,
    options: ServeConnsOptions,
  ) {
    this.addr = acceptor.addr;
    this.#acceptor = acceptor;
    this.#handler = handler;
    this.#options = options;
  }

  /** The number of connections that are not served yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  start(events: ServiceServerEvents): void {
    this.#events = events;
    this.#acceptor.start(
      (accepted) => this.#take(accepted),
      (error) => events.onAcceptError(error),
    );
  }

  async drain(): Promise<void> {
    this.#isStopping = true;
    this.#acceptor.close();
    if (this.#isEmpty) return;
    for (const { stopping } of this.#served) stopping.abort(stopReason());
    this.#drained = Promise.withResolvers();
    await this.#drained.promise;
  }

  abort(): void {
    for (const { conn } of [...this.#waiting, ...this.#served]) {
      conn[Symbol.dispose]();
    }
    this.#waiting.clear();
    this.#drained.resolve();
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? "ref" : "unref";
    this.#acceptor[method]();
    for (const { conn } of [...this.#waiting, ...this.#served]) conn[method]();
  }

  get #isEmpty(): boolean {
    return this.#served.size + this.#waiting.size === 0;
  }

  #take(accepted: Accepted): void {
    if (!this.#isRef) accepted.conn.unref();
    const { maxConnections = Infinity, maxWaiting = Infinity, onRefused } =
      this.#options;
    if (this.#served.size < maxConnections) void this.#serve(accepted);
    else if (this.#waiting.size < maxWaiting) {
      this.#waiting.add(accepted);
      this.#sweep();
    } else {
      accepted.conn[Symbol.dispose]();
      onRefused?.();
    }
  }

  async #serve(accepted: Accepted): Promise<void> {
    const { conn, transport: { signal }, stopping } = accepted;
    this.#served.add(accepted);
    this.#sweep();
    const release = this.#events!.hold();
    try {
      const serving = this.#handler(conn, {
        stopping: stopping.signal,
        signal,
      });
      // Not before the handler has added its listeners.
      if (this.#isStopping) stopping.abort(stopReason());
      await serving;
      await end(conn, signal);
    } catch (error) {
      // An error after the end of the connection is its consequence.
      if (!signal.aborted) this.#report(error);
    }
    conn[Symbol.dispose]();
    release();
    this.#served.delete(accepted);
    const [next] = this.#waiting;
    if (next !== undefined) {
      this.#waiting.delete(next);
      void this.#serve(next);
    }
    if (this.#isEmpty) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      this.#drained.resolve();
    }
  }

  #report(error: unknown): void {
    try {
      if (this.#options.onError !== undefined) this.#options.onError(error);
      else logFailure("Cannot serve a connection", error);
    } catch (thrown) {
      logFailure("Cannot serve a connection", thrown);
    }
  }

  /**
   * Closes connections that are idle, or whose peer disconnects while they wait. Checks
   * all at a time: a timer for each message would cost more.
   */
  #sweep(): void {
    const { connectionTimeoutMs = 0 } = this.#options;
    const isNeeded = connectionTimeoutMs > 0 || this.#waiting.size > 0;
    if (!isNeeded || this.#sweeper !== undefined) return;
    const intervalMs = Math.max(
      Math.min(connectionTimeoutMs / 4 || SWEEP_MS, SWEEP_MS),
      10,
    );
    // Stands still while the process is paused.
    let now = 0;
    this.#sweeper = setInterval(() => {
      now += intervalMs;
      // After a pause, the data that has arrived is read first.
      Deno.unrefTimer(setTimeout(() => this.#closeIdle(now), READ_MS));
    }, intervalMs);
    Deno.unrefTimer(this.#sweeper);
  }

  #closeIdle(now: number): void {
    const { connectionTimeoutMs = 0 } = this.#options;
    for (const { conn, transport } of this.#served) {
      if (
        connectionTimeoutMs > 0 && transport.isIdle(connectionTimeoutMs, now)
      ) conn[Symbol.dispose]();
    }
    for (const accepted of this.#waiting) {
      if (!accepted.transport.hasLostPeer()) continue;
      this.#waiting.delete(accepted);
      accepted.conn[Symbol.dispose]();
    }
  }
}

function stopReason(): DOMException {
  return new DOMException("The server is stopping", "AbortError");
}

/**
 * Half-closes a connection and waits for the peer to close: closing a socket with
 * unread input resets the peer, which then loses the last sent bytes.
 */
async function end(conn: AdoptedConn, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const cancel = setTimeLimit(() => conn[Symbol.dispose](), LINGER_MS);
  try {
    await conn.closeWrite();
    // A read of the handler that is still pending comes before these.
    while (await conn.readChunk() !== null);
  } catch {
    // The peer has gone, or its last byte was read by `forEachChunk`.
  } finally {
    cancel();
  }
}
