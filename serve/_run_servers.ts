import { service } from "../daemon/service.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import type { ServiceServer } from "./_service_server.ts";

/** Options that {@linkcode serve}, {@linkcode serveConns} and {@linkcode serveNode} share. */
export interface ServerOptions {
  /**
   * The name of the sockets to serve: `FileDescriptorName=` of the socket unit, by
   * default the name of the unit. Without a name, all passed sockets are served.
   */
  name?: string | undefined;
  /**
   * The address to listen on when the process was not activated. If a shell has received
   * the socket in place of this process, the call throws instead.
   *
   * @default {undefined}
   */
  fallback?: ServeFallback | undefined;
  /**
   * The most connections that the kernel queues, as for `listen()`.
   *
   * @default {4096}
   */
  backlog?: number | undefined;
  /** Stops this server when aborted, as `shutdown()` does. */
  signal?: AbortSignal | undefined;
  /**
   * The time for pending work after the server begins to stop, in milliseconds. Set
   * `TimeoutStopSec=` at least two seconds above the longest of the process.
   *
   * @default {10000}
   */
  drainTimeoutMs?: number | undefined;
  /**
   * The time without work after which this server agrees to an idle exit, in
   * milliseconds; 0 for never. The service exits when each of its members has been idle
   * for its own time, and the next client starts it again. The variable
   * `IPC_IDLE_TIMEOUT_MS` of a unit replaces it, see {@linkcode service}.
   *
   * @default {0}
   */
  idleTimeoutMs?: number | undefined;
  /**
   * Called with the address of each socket. By default, that of the fallback is logged.
   */
  onListen?: ((addr: Deno.NetAddr | Deno.UnixAddr) => void) | undefined;
  /**
   * Whether to notify the service manager of the start and the stop of the service
   * (`Type=notify`), and to ping its watchdog (`WatchdogSec=`).
   *
   * @default {true}
   */
  notify?: boolean | undefined;
  /** The line about the running service that `systemctl status` shows. */
  status?: string | undefined;
  /** Called before each ping of the watchdog, as by `watchdog()`. */
  healthy?: (() => boolean | Promise<boolean>) | undefined;
}

/** The address to listen on when the process was not activated. */
export type ServeFallback =
  | {
    /** The host name or address to listen on. @default {"127.0.0.1"} */
    hostname?: string | undefined;
    /** The TCP port; 0 for any free one. */
    port: number;
  }
  | {
    /** The path of a unix socket. It is removed when the service stops. */
    path: string;
  };

/** A running server, which is a member of the {@linkcode service} of its process. */
export interface RunningServer extends AsyncDisposable {
  /** The address; with several sockets, that of the first. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** The addresses of all sockets. */
  readonly addrs: readonly (Deno.NetAddr | Deno.UnixAddr)[];
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
  /**
   * Drains and stops this server, and neither the service nor the process.
   *
   * @returns The promise `finished`.
   */
  shutdown(): Promise<void>;
  /** Reverts `unref()`. */
  ref(): void;
  /** Lets the process exit while the server runs. */
  unref(): void;
}

/**
 * Opens the servers of one call and runs them as one member of the service.
 *
 * @param open Opens a server on each socket.
 * @throws The errors of `open` and `onListen`, and the reason of `signal`.
 */
export async function runServers(
  options: ServerOptions,
  open: () => Promise<ServiceServer[]>,
): Promise<RunningServer> {
  const { signal, onListen } = options;
  signal?.throwIfAborted();
  const started = Promise.withResolvers<void>();
  const member = service().join({ ...options, started: started.promise });
  const finished = Promise.withResolvers<void>();
  let servers: ServiceServer[] = [];

  const abort = () => servers.forEach((each) => each.abort());
  const drain = async () => {
    using _ = member.hold(abort);
    // Not before the sockets are open.
    await started.promise;
    await Promise.all(servers.map((each) => each.drain()));
    signal?.removeEventListener("abort", shutdown);
    finished.resolve();
  };
  const shutdown = () => {
    void member.stop();
    return finished.promise;
  };
  member.stopping.addEventListener("abort", () => void drain());
  signal?.addEventListener("abort", shutdown);
  try {
    servers = await open();
    for (const server of servers) {
      server.start({
        onAcceptError: (error) => logFailure("Cannot accept", error),
        exitsIdle: member.idleTimeoutMs > 0,
        hold() {
          const hold = member.hold();
          return () => hold[Symbol.dispose]();
        },
      });
    }
    // The signal may have been aborted while the sockets were opened.
    signal?.throwIfAborted();
    for (const { addr } of servers) onListen?.(addr);
  } catch (error) {
    started.resolve();
    abort();
    await member.stop();
    throw error;
  }
  started.resolve();
  return {
    addr: servers[0]!.addr,
    addrs: servers.map(({ addr }) => addr),
    finished: finished.promise,
    shutdown,
    ref: () => servers.forEach((each) => each.setRef(true)),
    unref: () => servers.forEach((each) => each.setRef(false)),
    [Symbol.asyncDispose]: shutdown,
  };
}
