import type { Server } from "node:net";
import { adoptServer, listenAt } from "../activation/_net_transport.ts";
import { openEach } from "./_open_each.ts";
import {
  type RunningServer,
  runServers,
  type ServerOptions,
} from "./_run_servers.ts";

/** Options for {@linkcode serveNode}. */
export interface ServeNodeOptions extends ServerOptions {}

/**
 * Serves by servers of `node:http`, `node:https`, `node:http2` or `node:net` on the
 * sockets that the service manager passed. Servers of npm packages, such as express,
 * fastify, hono and ws, are built on these.
 *
 * The server joins the {@linkcode service} of its process, which sends `READY=1`, pings
 * the watchdog, and stops on SIGTERM, SIGINT, or when all servers are idle; see there.
 * When it stops, the kernel queues new connections for the next instance. Responses over
 * HTTP/1 that have not begun get `Connection: close`; each connection stays open for
 * 250 ms after its last response, or after the stop began if it is idle, since its client
 * may have sent another request. The end of `drainTimeoutMs` closes the rest, also
 * WebSockets: a program that wants to send them a close frame listens to
 * `service().stopping`.
 *
 * Idle means that no request is in progress and no connection is upgraded; for servers of
 * `node:net`, that there is no connection.
 *
 * Needs the permissions of {@linkcode listenServer}; notifying needs those of
 * {@linkcode service}. The fallback needs `--allow-net` for a port, also `--allow-read`
 * and `--allow-write` for a path.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param createServer Returns a new server, which does not listen yet, for each socket.
 * @param options The sockets to serve, and the behaviour of the server.
 * @returns The server, once it listens.
 * @throws {ActivationError} No socket was passed and there is no fallback; or sockets
 * were passed, but none of that name; or one cannot be adopted.
 * @throws {DOMException} An `AbortError`: the service is stopping. Or the reason of
 * `signal`.
 * @throws {Deno.errors.AddrInUse} The fallback is in use; also other errors of
 * `Deno.listen()`.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { serveNode } from "@ipc/ipc/serve";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await serveNode(
 *   () => createServer((_request, response) => response.end("hello\n")),
 *   { fallback: { port: 0 } },
 * );
 *
 * const { port } = server.addr as Deno.NetAddr;
 * const response = await fetch(`http://127.0.0.1:${port}`);
 * assertEquals(await response.text(), "hello\n");
 * await server.shutdown();
 * ```
 */
export function serveNode(
  createServer: () => Server | Promise<Server>,
  options: ServeNodeOptions = {},
): Promise<RunningServer> {
  const open = async (listen: (server: Server) => Promise<void>) => {
    const server = await createServer();
    // A program that calls this has loaded the modules that this one imports.
    const { NodeMember } = await import("./_node_member.ts");
    const member = new NodeMember(server);
    await listen(server);
    return member;
  };
  return runServers(options, () =>
    openEach(options, {
      adopt: (listenFd, backlog) =>
        open((server) => adoptServer(server, listenFd, backlog)),
      listenAt: (where, backlog) =>
        open((server) => listenAt(server, where, backlog)),
    }));
}
