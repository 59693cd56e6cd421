import type { Server } from "node:http";
import { listenFds, listenServer, ready, stopping } from "@ipc/ipc";

/**
 * Runs a server of `node:http` on all sockets that systemd passed, or on port 8080.
 * On SIGTERM it stops accepting, finishes the responses, and exits.
 *
 * @param newServer Creates a server; each socket needs its own.
 */
export async function serveNode(newServer: () => Server): Promise<void> {
  const servers: Server[] = [];
  for (const listenFd of listenFds()) {
    const server = newServer();
    await listenServer(server, listenFd);
    servers.push(server);
  }
  if (servers.length === 0) {
    servers.push(newServer().listen(8080, "127.0.0.1"));
  }
  Deno.addSignalListener("SIGTERM", () => {
    void stopping();
    let open = servers.length;
    for (const server of servers) {
      server.close(() => {
        if (--open === 0) Deno.exit();
      });
    }
  });
  await ready();
}
