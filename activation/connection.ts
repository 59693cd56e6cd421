import type { AddressInfo } from "node:net";
import { ActivationError } from "./activation_error.ts";
import { BACKLOG } from "./adopt_server.ts";
import { adoptedConn, type ChunkConn } from "./adopted_conn.ts";
import type { ListenFd } from "./environment.ts";
import { HandleTransport } from "./handle_transport.ts";
import { closedFd, ownFd, refuseFd } from "./own_fd.ts";
import { isTcpAddress } from "./socket_address.ts";
import { SocketTransport } from "./socket_transport.ts";
import { socketMayHavePeer, streamBinding } from "./_runtime.ts";
import type { Transport } from "./transport.ts";

/** A connection on an adopted socket: what `Deno.connect()` returns. */
export type InheritedConn = (Deno.TcpConn | Deno.UnixConn) & ChunkConn;

/**
 * Adopts a connected stream socket: the one that the service manager passes to
 * each instance of an `Accept=yes` service (fd 3), or standard input of a
 * service with `StandardInput=socket` (fd 0, inetd style).
 *
 * A unix socket that was neither bound nor connected cannot be told from a connected
 * one: its first read or write fails. A TCP connection that the peer has already reset
 * is refused, as one that was never connected is.
 *
 * Needs no permission. Loads what {@linkcode listen} does.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#Accept= | systemd.socket(5), Accept=}
 *
 * @param listenFd What {@linkcode listenFds} returned, the number of a
 * descriptor in it, or 0 for standard input.
 * @returns The connection. Of a unix socket, both addresses have an empty path.
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
): Promise<InheritedConn> {
  const { fd, name } = ownFd(listenFd);
  const binding = await streamBinding();
  try {
    const transport = binding === undefined
      ? await openWithNet(fd)
      : new HandleTransport(binding, binding.connect(fd, BACKLOG));
    return adoptedConn(transport, () => closedFd(fd));
  } catch (cause) {
    const what = refuseFd(fd, cause) ?? "it is not a connected stream socket";
    throw new ActivationError(
      `Cannot take the connection on fd ${fd} "${name}": ${what}; use Accept=yes with ListenStream=`,
      { fd, fdName: name, cause },
    );
  }
}

/** The same with what is documented of Deno. */
async function openWithNet(fd: number): Promise<Transport> {
  const { Socket } = await import("node:net");
  const socket = new Socket({
    fd,
    allowHalfOpen: true,
    // Nothing is read before somebody asks; the types lack this option.
    ...{ pauseOnCreate: true },
  });
  const hasPeer = isTcpAddress(socket.address() as AddressInfo)
    ? socket.remoteAddress !== undefined
    : await socketMayHavePeer(socket, BACKLOG);
  if (hasPeer) return new SocketTransport(socket);
  socket.destroy();
  throw new TypeError("it has no peer");
}
