import type { Certificate } from "../activation/listen_tls.ts";
import type { CertificateHolder } from "../activation/_tls_transport.ts";
import type { AnswerOptions } from "./_answer.ts";
import { openServers } from "./_open_servers.ts";
import {
  type RunningServer,
  runServers,
  type ServerOptions,
} from "./_run_servers.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** Options for {@linkcode serve}. */
export interface ServeOptions extends ServerOptions {
  /** The certificate chain, in PEM format, which enables TLS on every socket. */
  cert?: string | undefined;
  /** The private key of the certificate, in PEM format. */
  key?: string | undefined;
  /**
   * Lets the handler call {@linkcode upgradeWebSocket}, on TCP and unix sockets. There is
   * no HTTP/2 then.
   *
   * @default {false}
   */
  webSocket?: boolean | undefined;
  /**
   * Returns the response when the handler throws or returns no response. By default the
   * error is logged, and the client gets status 500 without details.
   */
  onError?: ((error: unknown) => Response | Promise<Response>) | undefined;
  /**
   * The most bytes of the body of a request; 0 for no limit. A request whose
   * `Content-Length` is above is answered with status 413. A longer body of chunks fails
   * in the handler; if that rejects with the error, and there is no `onError`, the status
   * is 413 too.
   *
   * @default {134217728}
   */
  maxBodyBytes?: number | undefined;
  /**
   * The time that a client of HTTP/1 has for its next request, in milliseconds; 0 for no
   * limit. Sent as `Keep-Alive: timeout=`. Set it above the time for which a reverse proxy
   * keeps unused connections: a proxy that uses one while it is closed reports status 502.
   * Deno's own server leaves it to the client to close the connection.
   *
   * @default {75000}
   */
  keepAliveTimeoutMs?: number | undefined;
}

const MAX_BODY_BYTES = 128 * 1024 * 1024;
const KEEP_ALIVE_MS = 75_000;

/** @throws {RangeError} A limit is not a number from 0 on. */
function limit(
  options: ServeOptions,
  name: "maxBodyBytes" | "keepAliveTimeoutMs",
  byDefault: number,
): number {
  const value: unknown = options[name] ?? byDefault;
  if (typeof value === "number" && value >= 0) return value || Infinity;
  throw new RangeError(
    `Cannot serve: ${name}, ${Deno.inspect(value)}, is not a number from 0 on`,
  );
}

/** A running web server, in the shape of `Deno.HttpServer`. */
export interface RunningHttpServer extends RunningServer {
  /**
   * Replaces the certificate on every socket, such as after its renewal: handshakes use
   * it from then on, and connections stay.
   *
   * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM format,
   * or they do not belong together. The server keeps its certificate.
   * @throws {TypeError} The server has no TLS.
   */
  setCertificate(certificate: Certificate): Promise<void>;
}

/**
 * Serves HTTP on the sockets that the service manager passed, as `Deno.serve()` does on
 * new sockets. All `ListenStream=` of a socket unit belong to one service.
 *
 * The server joins the {@linkcode service} of its process, which sends `READY=1`, pings
 * the watchdog, and stops on SIGTERM, SIGINT, or when all servers are idle; see there.
 * `shutdown()` and `signal` stop this server alone. A server that stops drains: the
 * kernel queues new connections for the next instance; each response over HTTP/1 has
 * `Connection: close`; and each connection stays open for 250 ms after its last response,
 * or after the stop began if it is idle, since its client may have sent another request.
 * Clients that pause for less than that lose no request. The end of `drainTimeoutMs`
 * closes the rest. Idle means that no request is in progress and no WebSocket is open.
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
 * - A header with a control character, with which `Deno.serve()` of Deno 2.9.4 exits,
 *   becomes status 500.
 *
 * All others are served by the parser below `node:http`: unix sockets, TLS, servers with
 * `webSocket`, and TCP sockets in workers and under `deno test`. Further differences
 * there:
 *
 * - HTTP/1.1 and 1.0 only. CONNECT and TRACE get status 501, unregistered methods 400.
 * - A request of HTTP/1.1 without `Host`, lines that end without CR, and targets with
 *   other bytes than ASCII get status 400. Headers have at most 16 KiB; so have the
 *   extensions of a chunk, and trailers. Refused requests are logged.
 * - A target that is a whole URL is normalized; only `http:` and `https:` are accepted.
 * - URLs of unix sockets begin with `http:`. If the `Host` header is not a valid URL host,
 *   such as the path that some clients of unix sockets send, the host of the URL is
 *   `localhost`.
 * - A client has 60 seconds for its headers and `keepAliveTimeoutMs` for its next request.
 *   The time for its body is not limited: use `AbortSignal.timeout()`.
 * - A client that half-closes the connection gets its response. `request.signal` is aborted
 *   when the client has closed a unix socket, or has reset the connection; over TCP, when
 *   the response cannot be sent; and not after a complete response.
 * - The client of `Expect: 100-continue` is asked for its body when the handler reads it.
 *   A body that is not read is discarded, and the connection is used again.
 * - A body that fails before its first byte, or whose first chunk is longer than its
 *   `Content-Length`, becomes status 500. Headers about the connection are not sent; with
 *   `Connection: close`, the response is the last. So is that to a request with `Upgrade`.
 *
 * Without free descriptors, new connections wait until descriptors are free: set
 * `LimitNOFILE=` above the number of connections.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`. Notifying
 * needs the permissions of {@linkcode service}; with `--allow-env=JOURNAL_STREAM` it logs
 * levels to the journal. The fallback needs `--allow-net` for a port, also `--allow-read` and
 * `--allow-write` for a path. Loads `node:process`; for TLS also `node:tls` and
 * `node:crypto`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param handler Answers each request.
 * @param options The sockets to serve, and the behaviour of the server.
 * @returns The server, once it listens.
 * @throws {ActivationError} No socket was passed and there is no fallback; or
 * sockets were passed, but none of that name; or one cannot be adopted.
 * @throws {DOMException} An `AbortError`: the service is stopping. Or the reason of
 * `signal`.
 * @throws {Deno.errors.AddrInUse} The fallback is in use; also other errors of
 * `Deno.listen()`.
 * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM
 * format, or they do not belong together.
 * @throws {TypeError} The handler is not a function, the port of the fallback is not a
 * number, or only one of the certificate and its key is given.
 * @throws {RangeError} `maxBodyBytes` or `keepAliveTimeoutMs` is not a number from 0 on.
 *
 * @example
 * ```ts
 * import { serve } from "@ipc/ipc/serve";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await serve(
 *   (request) => new Response(`You asked for ${new URL(request.url).pathname}`),
 *   { fallback: { port: 0 } },
 * );
 *
 * const { port } = server.addr as Deno.NetAddr;
 * const response = await fetch(`http://127.0.0.1:${port}/page`);
 * assertEquals(await response.text(), "You asked for /page");
 * await server.shutdown();
 * ```
 */
export async function serve<
  Addr extends Deno.Addr = Deno.NetAddr | Deno.UnixAddr,
>(
  handler: Deno.ServeHandler<Addr>,
  options: ServeOptions = {},
): Promise<RunningHttpServer> {
  if (typeof handler !== "function") {
    throw new TypeError(
      "Cannot serve: the first argument, the handler, is not a function",
    );
  }
  const holders: CertificateHolder[] = [];
  const answerOptions: AnswerOptions = {
    handler: handler as ServeHandler,
    onError: options.onError,
    secure: options.cert !== undefined || options.key !== undefined,
    webSocket: options.webSocket ?? false,
    maxBodyBytes: limit(options, "maxBodyBytes", MAX_BODY_BYTES),
    keepAliveTimeoutMs: limit(options, "keepAliveTimeoutMs", KEEP_ALIVE_MS),
  };
  const server = await runServers(
    options,
    () => openServers(options, answerOptions, holders),
  );
  return {
    ...server,
    async setCertificate(certificate) {
      if (holders.length === 0) {
        throw new TypeError(
          "Cannot set the certificate: the server has no TLS; set cert and key",
        );
      }
      for (const each of holders) await each.setCertificate(certificate);
    },
  };
}
