import { listenFdsNamed } from "../activation/environment.ts";
import { TIMER_MAX_MS } from "../daemon/watchdog.ts";
import { openServers, type ServeFallback } from "./_open_servers.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import { announce, pingWatchdog } from "./_report.ts";
import { onStopSignals } from "./_stop_signals.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** Options for {@linkcode serve}. */
export interface ServeOptions {
  /**
   * The name of the sockets to serve: `FileDescriptorName=` of the socket unit, by
   * default the name of the unit. Without a name, all passed sockets are served.
   */
  name?: string;
  /** The address to listen on when the process was not activated. @default {undefined} */
  fallback?: ServeFallback;
  /** The certificate chain, in PEM format, which enables TLS on every socket. */
  cert?: string;
  /** The private key of the certificate, in PEM format. */
  key?: string;
  /**
   * Lets the handler call {@linkcode upgradeWebSocket}. TCP connections are then served
   * by `node:http` too.
   *
   * @default {false}
   */
  webSocket?: boolean;
  /** Drains and stops the service when aborted, as SIGTERM does. */
  signal?: AbortSignal;
  /**
   * The time for pending responses after the service begins to stop, in milliseconds.
   *
   * @default {10000}
   */
  drainTimeoutMs?: number;
  /**
   * Stops an activated service that has had no connection for this time, in
   * milliseconds; 0 for never. The next connection starts it again. An open connection
   * counts also between two requests: Deno's own server leaves it to the client to
   * close it, the others close it after 5 seconds.
   *
   * @default {0}
   */
  idleTimeoutMs?: number;
  /** Called with the address of each socket. */
  onListen?: (addr: Deno.NetAddr | Deno.UnixAddr) => void;
  /**
   * Returns the response when the handler throws or returns no response. By default the
   * error is logged, and the client gets status 500 without details.
   */
  onError?: (error: unknown) => Response | Promise<Response>;
  /**
   * Whether to notify the service manager of the start and the stop of the service
   * (`Type=notify`), and to ping its watchdog (`WatchdogSec=`).
   *
   * @default {true}
   */
  notify?: boolean;
  /** The line about the running service that `systemctl status` shows. */
  status?: string;
  /** Called before each ping of the watchdog, as by `watchdog()`. */
  healthy?: () => boolean | Promise<boolean>;
  /**
   * The most connections that the kernel queues, as for `listen()`.
   *
   * @default {4096}
   */
  backlog?: number;
}

/** A running service, in the shape of `Deno.HttpServer`. */
export interface HttpServer extends AsyncDisposable {
  /** The address; with several sockets, that of the first. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** The addresses of all sockets. */
  readonly addrs: readonly (Deno.NetAddr | Deno.UnixAddr)[];
  /** Resolves when the service has stopped. */
  readonly finished: Promise<void>;
  /**
   * Stops the service, as SIGTERM does.
   *
   * @returns The promise `finished`.
   */
  shutdown(): Promise<void>;
  /** Reverts `unref()`. */
  ref(): void;
  /** Lets the process exit while the service runs. */
  unref(): void;
}

const DRAIN_TIMEOUT_MS = 10_000;

/** The signals of systemd and of a terminal. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Serves HTTP on the sockets that the service manager passed, as `Deno.serve()` does on
 * new sockets. All `ListenStream=` of a socket unit belong to one service.
 *
 * Once it listens, the service sends `READY=1` and starts to ping the watchdog. On
 * SIGTERM, SIGINT, `signal`, `shutdown()` or `idleTimeoutMs` it sends `STOPPING=1` and
 * drains: it stops accepting (the kernel queues new connections for the next instance),
 * closes idle connections, and closes the others after their response. A second signal,
 * or the end of `drainTimeoutMs`, closes the rest. The process exits by itself when
 * nothing else keeps it alive; after a signal, at the latest another `drainTimeoutMs`
 * later.
 *
 * Bodies are streams in both directions, with back-pressure: the client waits until
 * the handler reads, and the body of the response is read as the client receives it.
 *
 * Connections of TCP sockets without TLS are served by Deno's own HTTP server, as those
 * of `Deno.serve()`: HTTP/1.1, and HTTP/2 with prior knowledge. Differences:
 *
 * - When `signal` is aborted, `Deno.serve()` closes all connections at once; `serve()`
 *   drains. On SIGTERM, a client that has just connected is still served.
 * - The default `onError` logs one line and returns status 500, also for a handler that
 *   returns a used response, with which `Deno.serve()` of Deno 2.9.4 exits.
 * - The handler cannot call `Deno.upgradeWebSocket()`: use {@linkcode upgradeWebSocket}
 *   and the option `webSocket`.
 *
 * Unix sockets are served by the parser below `node:http`, and by `node:http` itself:
 * TLS, services with `webSocket`, the path of a fallback, and TCP sockets in workers
 * and under `deno test`. Further differences there:
 *
 * - HTTP/1.1 and 1.0. No HTTP/2, no CONNECT or TRACE, no compression. The
 *   handler does not get the body of a GET or HEAD request.
 * - If the `Host` header is no host of a URL, such as the path that some clients of
 *   unix sockets send, the host of the URL is `localhost`. A request of HTTP/1.1
 *   without `Host` is refused.
 * - Headers have at most 16 KiB in all; a client has 60 seconds for them, and 5 seconds
 *   for its next request. The time for its body is not limited: use
 *   `AbortSignal.timeout()`.
 * - `request.signal` is aborted when the client closes or half-closes the connection
 *   before its response starts, and not after a complete response.
 * - Refused requests are logged. A response whose length differs from its
 *   `Content-Length`, and a body that fails before its first byte, become status 500.
 * - Over TLS, header values other than ASCII are sent as UTF-8.
 *
 * Without free descriptors, new connections wait until descriptors are free: set
 * `LimitNOFILE=` above the number of connections.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`. With
 * `--allow-env=NOTIFY_SOCKET` it notifies the service manager, which needs the
 * permissions of {@linkcode notify}; with `--allow-env=WATCHDOG_USEC,WATCHDOG_PID` also
 * it pings the watchdog; with `--allow-env=JOURNAL_STREAM` it logs levels to the
 * journal. The fallback needs `--allow-net` for a port, also `--allow-read` and
 * `--allow-write` for a path. Loads `node:process`; for unix sockets also `node:buffer`
 * and `node:events`; `node:http` or `node:https` for sockets that need it.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/daemon.html | daemon(7)}
 *
 * @param handler Answers each request.
 * @param options The sockets to serve, and the behaviour of the service.
 * @returns The service, once it listens and has notified the service manager.
 * @throws {ActivationError} No socket was passed and there is no fallback; or
 * sockets were passed, but none of that name; or one cannot be adopted.
 * @throws {NotifyError} The service manager cannot be notified.
 * @throws {Deno.errors.AddrInUse} The fallback is in use; also other errors of
 * `Deno.listen()`.
 * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM
 * format, or they do not belong together.
 *
 * @example
 * ```ts
 * import { serve } from "@ipc/ipc/serve";
 * import { assertEquals } from "@std/assert";
 *
 * const service = await serve(
 *   (request) => new Response(`You asked for ${new URL(request.url).pathname}`),
 *   { fallback: { port: 0 } },
 * );
 *
 * const { port } = service.addr as Deno.NetAddr;
 * const response = await fetch(`http://127.0.0.1:${port}/page`);
 * assertEquals(await response.text(), "You asked for /page");
 * await service.shutdown();
 * ```
 */
export async function serve<
  Addr extends Deno.Addr = Deno.NetAddr | Deno.UnixAddr,
>(
  handler: Deno.ServeHandler<Addr>,
  options: ServeOptions = {},
): Promise<HttpServer> {
  const { signal, onError, drainTimeoutMs = DRAIN_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const timeLimitMs = Math.min(drainTimeoutMs, TIMER_MAX_MS);
  const notifies = options.notify ?? true;
  const finished = Promise.withResolvers<void>();
  let isStopping = false;
  const ended = new AbortController();

  const servers = await openServers(options, {
    handler: handler as ServeHandler,
    onError,
    secure: options.cert !== undefined || options.key !== undefined,
    webSocket: options.webSocket ?? false,
    isStopping: () => isStopping,
  });

  const abort = () => servers.forEach((each) => each.abort());
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    clearTimeout(idleTimer);
    const timer = setTimeout(abort, timeLimitMs);
    const drained = servers.map((each) => each.drain());
    // A failed notification must not keep the service from stopping.
    const notified = notifies
      ? announce({ stopping: true }).catch((error) =>
        logFailure("Cannot notify that the service stops", error)
      )
      : undefined;
    await Promise.all(drained);
    await notified;
    ended.abort();
    clearTimeout(timer);
    signals[Symbol.dispose]();
    signal?.removeEventListener("abort", stop);
    finished.resolve();
  };
  const signals = onStopSignals(STOP_SIGNALS, () => {
    void stop();
    // Another listener of the program must not keep the process alive.
    finished.promise.then(() =>
      Deno.unrefTimer(setTimeout(() => Deno.exit(), timeLimitMs))
    );
  }, abort);
  signal?.addEventListener("abort", stop);
  let idleTimer: ReturnType<typeof setTimeout> | undefined;
  // Only a service manager starts the service again.
  const isActivated = listenFdsNamed(options.name).length > 0;
  const idleTimeoutMs = isActivated ? options.idleTimeoutMs ?? 0 : 0;
  let holds = 0;
  const hold = () => {
    holds++;
    updateIdle();
    return () => {
      holds--;
      updateIdle();
    };
  };
  const updateIdle = () => {
    clearTimeout(idleTimer);
    const isIdle = holds === 0 &&
      servers.every(({ connections }) => connections === 0);
    if (!isIdle || idleTimeoutMs === 0 || isStopping) return;
    idleTimer = setTimeout(stop, Math.min(idleTimeoutMs, TIMER_MAX_MS));
  };
  for (const server of servers) {
    server.start({
      onAcceptError: (error) => logFailure("Cannot accept", error),
      hold,
      onChange: updateIdle,
    });
  }
  updateIdle();
  const addrs = servers.map(({ addr }) => addr);
  try {
    // The signal may have been aborted while the sockets were opened.
    signal?.throwIfAborted();
    for (const addr of addrs) options.onListen?.(addr);
    if (notifies) {
      await announce({ ready: true, status: options.status });
      pingWatchdog({ healthy: options.healthy, signal: ended.signal });
    }
  } catch (error) {
    abort();
    await stop();
    throw error;
  }

  const shutdown = () => {
    void stop();
    return finished.promise;
  };
  return {
    addr: addrs[0]!,
    addrs,
    finished: finished.promise,
    shutdown,
    ref: () => servers.forEach((each) => each.ref()),
    unref: () => servers.forEach((each) => each.unref()),
    [Symbol.asyncDispose]: shutdown,
  };
}
