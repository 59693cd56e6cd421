import type { Server } from "node:net";
import { streamBinding } from "../runtime/stream_binding.ts";
import type { ListenAddress } from "../runtime/stream_handle.ts";
import {
  acceptAtWithHandles,
  acceptWithHandles,
  HandleTransport,
} from "./_handle_transport.ts";
import {
  adoptServer,
  listenAt,
  ServerAcceptor,
  SocketTransport,
} from "./_net_transport.ts";
import type { Acceptor, Transport } from "./_transport.ts";
import type { ListenFd } from "./environment.ts";

/**
 * Adopts a listening stream socket.
 *
 * @param wrap Makes a connection of each accepted socket.
 * @throws {ActivationError} As `listen()`.
 */
export async function acceptOn<C>(
  listenFd: number | ListenFd,
  backlog: number,
  wrap: (transport: Transport) => C,
): Promise<Acceptor<C>> {
  const binding = await streamBinding();
  if (binding !== undefined) {
    return await acceptWithHandles(
      binding,
      listenFd,
      backlog,
      (handle) => wrap(new HandleTransport(binding, handle)),
    );
  }
  // The fallback, which uses only documented API and is slower.
  return await acceptWithNet(
    (server) => adoptServer(server, listenFd, backlog),
    wrap,
  );
}

/**
 * Listens on a new socket.
 *
 * @param wrap Makes a connection of each accepted socket.
 * @throws The errors of `Deno.listen()`.
 */
export async function acceptAt<C>(
  where: ListenAddress,
  backlog: number,
  wrap: (transport: Transport) => C,
): Promise<Acceptor<C>> {
  const binding = await streamBinding();
  if (binding !== undefined) {
    return acceptAtWithHandles(
      binding,
      where,
      backlog,
      (handle) => wrap(new HandleTransport(binding, handle)),
    );
  }
  return await acceptWithNet(
    (server) => listenAt(server, where, backlog),
    wrap,
  );
}

async function acceptWithNet<C>(
  listen: (server: Server) => Promise<void>,
  wrap: (transport: Transport) => C,
): Promise<Acceptor<C>> {
  const { createServer } = await import("node:net");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await listen(server);
  return new ServerAcceptor(
    server,
    (socket) => wrap(new SocketTransport(socket)),
  );
}
