import type { IncomingMessage, ServerResponse } from "node:http";
import { announce, pingWatchdog } from "./announce.ts";
import { answer } from "./answer.ts";
import { Connections } from "./connections.ts";
import { logFailure } from "./log_failure.ts";
import { openServers, type ServeFallback } from "./open_servers.ts";
import type { ServeHandler } from "./serve_handler.ts";
import { onStopSignals } from "./stop_signals.ts";

/** Options for {@linkcode serve}. */
export interface ServeOptions {
  /**
   * The name of the sockets to serve: `FileDescriptorName=` of the socket unit,
   * by default the name of the unit. Without it, all that were passed are served.
   */
  name?: string;
  /** Where to listen when the process was not activated; by default nowhere. */
  fallback?: ServeFallback;
  /** The certificate chain, in PEM format: every socket talks TLS then. */
  cert?: string;
  /** The private key of the certificate, in PEM format. */
  key?: string;
  /** Stops the service when aborted, as SIGTERM does. */
  signal?: AbortSignal;
  /**
   * How long responses may go on once the service is to stop, in milliseconds.
   *
   * @default {10000}
   */
  drainTimeoutMs?: number;
  /** Told where the service listens, once for each socket. */
  onListen?: (addr: Deno.NetAddr | Deno.UnixAddr) => void;
  /**
   * Makes the response when the handler has thrown or did not return a response.
   * By default a line is logged, and the client is told no more than status 500.
   */
  onError?: (error: unknown) => Response | Promise<Response>;
  /**
   * Whether to tell the service manager when the service is ready and when it
   * stops (`Type=notify`), and to ping its watchdog if it has one (`WatchdogSec=`).
   *
   * @default {true}
   */
  notify?: boolean;
  /** Asked before each ping of the watchdog, as with `watchdog()`. */
  healthy?: () => boolean | Promise<boolean>;
  /**
   * How many connections the kernel keeps waiting, as for `listen()`.
   *
   * @default {4096}
   */
  backlog?: number;
}

/** A running service, in the shape of `Deno.HttpServer`. */
export interface HttpServer extends AsyncDisposable {
  /** Where it listens; with several sockets, the first of them. */
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** Where it listens, all of it. */
  readonly addrs: readonly (Deno.NetAddr | Deno.UnixAddr)[];
  /** Resolves when the service has stopped, for whatever reason. */
  readonly finished: Promise<void>;
  /**
   * Stops the service, as SIGTERM does.
   *
   * @returns What `finished` is.
   */
  shutdown(): Promise<void>;
  /** Takes back what `unref()` did. */
  ref(): void;
  /** Lets the process end though the service goes on. */
  unref(): void;
}

const DRAIN_TIMEOUT_MS = 10_000;

/** Timers take no more: 2³¹−1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Serves HTTP on the sockets that the service manager passed: what `Deno.serve()`
 * is for sockets of one's own. A socket unit with several `ListenStream=` is one
 * service.
 *
 * When it listens, it says `READY=1`, and pings the watchdog from then on. On
 * SIGTERM, SIGINT, `signal` or
 * `shutdown()` it says `STOPPING=1` and stops: no more connections are accepted,
 * which then wait in the kernel for the next instance; those that are idle are
 * closed, and those with a request end with its response (`Connection: close`).
 * A second signal, or the end of `drainTimeoutMs`, cuts off what is left. The
 * process ends by itself when nothing else keeps it alive.
 *
 * Bodies are streams both ways, with back-pressure: the client waits while the
 * handler does not read, and the body of the response is read as the client
 * receives it. When the client is gone, `request.signal` is aborted and the body
 * of the response is cancelled. A client that closes its side of the connection
 * counts as gone.
 *
 * Limits, those of `node:http` in Deno:
 *
 * - HTTP/1.1 and 1.0. No HTTP/2, no upgrades (WebSocket), no CONNECT or TRACE.
 *   The body of a GET or HEAD request is not shown.
 * - A client has 60 seconds for its headers, and as long as the handler waits
 *   for its body; `AbortSignal.timeout()` bounds that.
 * - Over TLS, header values other than ASCII go out as UTF-8.
 * - When the process runs out of descriptors, newcomers wait until there are some
 *   again: allow more (`LimitNOFILE=`) than connections can come.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`, and
 * nothing to serve. Without `--allow-env=NOTIFY_SOCKET` the service manager is
 * silently not told; with it, what {@linkcode notify} needs. Without
 * `--allow-env=WATCHDOG_USEC,WATCHDOG_PID` the watchdog is not pinged. With
 * `--allow-env=JOURNAL_STREAM` the journal gets the level of what is logged. The
 * fallback needs `--allow-net` for a port, also `--allow-read` and
 * `--allow-write` for a path. Loads `node:http`, or `node:https`, on first use.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/daemon.html | daemon(7)}
 *
 * @param handler Answers each request.
 * @param options Which sockets to serve, and how.
 * @returns The service, once it listens and the service manager knows.
 * @throws {ActivationError} No socket was passed and there is no fallback; or
 * sockets were passed, but none of that name; or one cannot be adopted.
 * @throws {NotifyError} The service manager wants to be told, and cannot be.
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
export async function serve(
  handler: ServeHandler,
  options: ServeOptions = {},
): Promise<HttpServer> {
  const { signal, onError, drainTimeoutMs = DRAIN_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const secure = options.cert !== undefined;
  const announced = options.notify ?? true;
  const finished = Promise.withResolvers<void>();
  let isStopping = false;
  const ended = new AbortController();

  const connections: Connections[] = [];
  const how = { handler, onError, secure, isStopping: () => isStopping };
  const opened = await openServers(options, (server) => {
    const ofServer = new Connections(server, secure);
    connections.push(ofServer);
    const listenTo = (event: string, waits: boolean) =>
      server.on(event, (message: IncomingMessage, outgoing: ServerResponse) => {
        ofServer.answering(message.socket, outgoing);
        void answer(message, outgoing, how, waits);
      });
    listenTo("request", false);
    listenTo("checkContinue", true);
  });

  const cut = () => connections.forEach((each) => each.cut());
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    const timer = setTimeout(cut, Math.min(drainTimeoutMs, TIMER_MAX_MS));
    const drained = connections.map((each) => each.drain());
    // The end does not depend on being heard.
    const told = announced
      ? announce({ stopping: true }).catch((error) =>
        logFailure("Cannot tell that the service stops", error)
      )
      : undefined;
    await Promise.all(drained);
    await told;
    ended.abort();
    clearTimeout(timer);
    signals[Symbol.dispose]();
    signal?.removeEventListener("abort", stop);
    finished.resolve();
  };
  const signals = onStopSignals(stop, cut);
  signal?.addEventListener("abort", stop);
  for (const { server } of opened) {
    server.on("error", (error) => logFailure("Cannot accept", error));
  }
  const addrs = opened.map(({ addr }) => addr);
  try {
    // It may have been aborted while the sockets were opened.
    signal?.throwIfAborted();
    for (const addr of addrs) options.onListen?.(addr);
    if (announced) {
      await announce({ ready: true });
      pingWatchdog({ healthy: options.healthy, signal: ended.signal });
    }
  } catch (error) {
    cut();
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
    ref: () => opened.forEach(({ server }) => server.ref()),
    unref: () => opened.forEach(({ server }) => server.unref()),
    [Symbol.asyncDispose]: shutdown,
  };
}
