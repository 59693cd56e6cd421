import type { Server } from "node:net";
import { adoptServer } from "./_net_transport.ts";
import type { ListenFd } from "./environment.ts";
import type { ListenOptions } from "./listen.ts";

/**
 * Makes a server of `node:net`, `node:http`, `node:https` or `node:http2` listen on a
 * stream socket that the service manager passed, in place of `server.listen()`. Servers
 * of npm packages, such as express, fastify and ws, are built on these.
 *
 * The server owns the descriptor: no other call can adopt it, and `server.close()`
 * stops accepting, after which the kernel queues new connections for the next instance.
 * After accept(2) has failed, pending connections are accepted within two seconds once
 * the cause is gone.
 *
 * Needs no permission.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param server A server that does not listen yet.
 * @param listenFd A result of {@linkcode listenFds}, or the number of a descriptor in
 * it.
 * @param options The backlog.
 * @returns Resolves once the server listens.
 * @throws {ActivationError} As {@linkcode listen}.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { listenFds, listenServer } from "@ipc/ipc";
 *
 * const server = createServer((_request, response) => response.end("hello\n"));
 * const [listenFd] = listenFds();
 * if (listenFd !== undefined) await listenServer(server, listenFd);
 * Deno.addSignalListener("SIGTERM", () => server.close());
 * ```
 */
export function listenServer(
  server: Server,
  listenFd: number | ListenFd,
  options: ListenOptions = {},
): Promise<void> {
  return adoptServer(server, listenFd, options.backlog);
}
