import { acceptAt, acceptOn } from "../activation/_accept.ts";
import type { InheritedConn } from "../activation/connection.ts";
import { ConnServer, watch } from "./_conn_server.ts";
import { openEach } from "./_open_each.ts";
import {
  type RunningServer,
  runServers,
  type ServerOptions,
} from "./_run_servers.ts";

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
  conn: InheritedConn,
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

/**
 * Serves a stream protocol on the sockets that the service manager passed: what
 * {@linkcode serve} is for HTTP. The handler is called with each connection.
 *
 * The server joins the {@linkcode service} of its process, which sends `READY=1`, pings
 * the watchdog, and stops on SIGTERM, SIGINT, or when all servers are idle; see there.
 * When it stops, the kernel queues new connections for the next instance, and the
 * connections that are open have `drainTimeoutMs` to end: a handler that waits for its
 * peer must heed `stopping`.
 *
 * Needs the permissions of {@linkcode listen}; notifying needs those of
 * {@linkcode service}. The fallback needs `--allow-net` for a port, also `--allow-read`
 * and `--allow-write` for a path.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param handler Serves each connection.
 * @param options The sockets to serve, and the limits.
 * @returns The server, once it listens.
 * @throws {ActivationError} No socket was passed and there is no fallback; or sockets
 * were passed, but none of that name; or one cannot be adopted.
 * @throws {DOMException} An `AbortError`: the service is stopping. Or the reason of
 * `signal`.
 * @throws {Deno.errors.AddrInUse} The fallback is in use; also other errors of
 * `Deno.listen()`.
 *
 * @example An echo server that ends idle connections when it stops
 * ```ts
 * import { serveConns } from "@ipc/ipc/serve";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await serveConns(async (conn, { stopping }) => {
 *   stopping.addEventListener("abort", () => conn.closeWrite());
 *   await conn.forEachChunk((chunk) => conn.writeChunk(chunk));
 * }, { fallback: { port: 0 } });
 *
 * const { port } = server.addr as Deno.NetAddr;
 * using client = await Deno.connect({ port });
 * await client.write(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(5);
 * await client.read(buffer);
 * assertEquals(new TextDecoder().decode(buffer), "hello");
 * await client.closeWrite();
 * await server.shutdown();
 * ```
 */
export function serveConns(
  handler: ConnHandler,
  options: ServeConnsOptions = {},
): Promise<RunningServer> {
  return runServers(options, () =>
    openEach(options, {
      adopt: async (listenFd, backlog) =>
        new ConnServer(
          await acceptOn(listenFd, backlog, watch),
          handler,
          options,
        ),
      listenAt: async (where, backlog) =>
        new ConnServer(
          await acceptAt(where, backlog, watch),
          handler,
          options,
        ),
    }));
}
