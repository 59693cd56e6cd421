import { acceptAt, acceptOn } from "../activation/_accept.ts";
import type { Acceptor } from "../activation/_transport.ts";
import { type Accepted, ConnServer, watch } from "./_conn_server.ts";
import { openEach } from "./_open_each.ts";
import { type RunningServer, runServers } from "./_run_servers.ts";
import type { ConnHandler, ServeConnsOptions } from "./conn_handler.ts";

/** A running server of a stream protocol. */
export interface RunningConnServer extends RunningServer {
  /** The number of connections above `maxConnections`, which wait. */
  readonly waiting: number;
}

/**
 * Serves a stream protocol on the sockets that the service manager passed, as
 * {@linkcode serve} does HTTP. The handler is called with each connection.
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
 * @example An echo server that half-closes its connections when it stops
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
export async function serveConns(
  handler: ConnHandler,
  options: ServeConnsOptions = {},
): Promise<RunningConnServer> {
  const servers: ConnServer[] = [];
  const add = (acceptor: Acceptor<Accepted>) => {
    const server = new ConnServer(acceptor, handler, options);
    servers.push(server);
    return server;
  };
  const running = await runServers(options, () =>
    openEach(options, {
      adopt: async (listenFd, backlog) =>
        add(await acceptOn(listenFd, backlog, watch)),
      listenAt: async (where, backlog) =>
        add(await acceptAt(where, backlog, watch)),
    }));
  return {
    ...running,
    get waiting() {
      return servers.reduce((sum, { waiting }) => sum + waiting, 0);
    },
  };
}
