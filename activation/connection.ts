import { adoptedConn, type ChunkConn } from "./_conn.ts";
import { adoptFd, closedFd } from "./_fd_ownership.ts";
import { HandleTransport } from "./_handle_transport.ts";
import { netRefusal, SocketTransport } from "./_net_transport.ts";
import { socketMayHavePeer } from "../runtime/node_net.ts";
import { RefusedFdError } from "../runtime/refused_fd.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import { BACKLOG, type Transport } from "./_transport.ts";
import type { ListenFd } from "./environment.ts";

/** A connection on an adopted socket: what `Deno.connect()` returns. */
export type AdoptedConn = (Deno.TcpConn | Deno.UnixConn) & ChunkConn;

/**
 * Adopts a connected stream socket: the one that the service manager passes to
 * each instance of an `Accept=yes` service (fd 3), or standard input of a
 * service with `StandardInput=socket` (fd 0, inetd style).
 *
 * A TCP connection that the peer has reset before this call is adopted: its first read
 * throws `Deno.errors.ConnectionReset` (the fallback to `node:net` refuses it). A socket
 * that was never connected looks like a connection: its first read or write fails.
 *
 * Needs no permission. Loads the same modules as {@linkcode listen}.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#Accept= | systemd.socket(5), Accept=}
 *
 * @param listenFd A result of {@linkcode listenFds}, the number of a descriptor in
 * it, or 0 for standard input.
 * @returns The connection. Both addresses of a unix socket have an empty path.
 * @throws {ActivationError} The descriptor was not passed to this process, was
 * adopted before, or is not a connected stream socket.
 *
 * @example
 * ```ts
 * import { connection, listenFds } from "@ipc/ipc";
 *
 * const [listenFd] = listenFds();
 * if (listenFd !== undefined) {
 *   using conn = await connection(listenFd);
 *   await conn.write(new TextEncoder().encode("hello\n"));
 * }
 * ```
 */
export async function connection(
  listenFd: number | ListenFd,
): Promise<AdoptedConn> {
  const binding = await streamBinding();
  return adoptFd(listenFd, "connect", async (fd) => {
    const transport = binding === undefined
      ? await openWithNet(fd)
      : new HandleTransport(binding, binding.connect(fd, BACKLOG));
    return adoptedConn(transport, () => closedFd(fd));
  });
}

const NO_CONNECTION = "it is not a connected stream socket";

/** The fallback, which uses only documented API. */
async function openWithNet(fd: number): Promise<Transport> {
  const { Socket } = await import("node:net");
  let socket;
  try {
    socket = new Socket({
      fd,
      allowHalfOpen: true,
      // Missing in the types.
      ...{ pauseOnCreate: true },
    });
  } catch (error) {
    throw netRefusal(error as Error, NO_CONNECTION);
  }
  if (
    // Calling listen(2) would break a TCP connection of Deno 2.9.
    socket.remoteAddress !== undefined ||
    await socketMayHavePeer(socket, BACKLOG)
  ) {
    return new SocketTransport(socket);
  }
  socket.destroy();
  throw new RefusedFdError(NO_CONNECTION, { closed: true });
}
