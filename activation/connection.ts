import type { AddressInfo, Socket } from "node:net";
import { ActivationError } from "./activation_error.ts";
import { type ChunkReader, tcpConn, unixConn } from "./adopted_conn.ts";
import type { ListenFd } from "./environment.ts";
import { disownFd, ownFd } from "./own_fd.ts";
import { isTcpAddress } from "./socket_address.ts";

/** A connection on an adopted socket: what `Deno.connect()` returns. */
export type InheritedConn = (Deno.TcpConn | Deno.UnixConn) & ChunkReader;

/**
 * Adopts a connected stream socket: the one that the service manager passes to
 * each instance of an `Accept=yes` service (fd 3), or standard input of a
 * service with `StandardInput=socket` (fd 0, inetd style).
 *
 * A unix socket that was never connected looks the same as one that is: reading
 * or writing it throws `Deno.errors.NotConnected`.
 *
 * Needs no permission. Loads `node:net` on first use.
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
  const net = await import("node:net");
  const refuse = (reason: string, cause?: unknown) =>
    new ActivationError(
      `Cannot take the connection on fd ${fd} "${name}": it is not a connected stream socket (${reason}); use Accept=yes with ListenStream=`,
      { fd, fdName: name, cause },
    );
  let socket: Socket;
  try {
    socket = new net.Socket({
      fd,
      allowHalfOpen: true,
      // Nothing is read before somebody asks; the types lack this option.
      ...{ pauseOnCreate: true },
    });
  } catch (cause) {
    disownFd(fd);
    throw refuse(cause instanceof Error ? cause.message : `${cause}`, cause);
  }
  const isTcp = isTcpAddress(socket.address() as AddressInfo);
  const hasPeer = isTcp
    ? socket.remoteAddress !== undefined
    : mayHavePeer(socket);
  if (!hasPeer) {
    socket.destroy();
    throw refuse("it has no peer");
  }
  return isTcp ? tcpConn(socket) : unixConn(socket);
}

/**
 * Asks listen(2), the one question that can be put to what is not TCP: a
 * connected socket refuses with EINVAL. A FIFO, and a socket that listens
 * already, answer otherwise.
 */
function mayHavePeer(socket: Socket): boolean {
  const EINVAL = -22;
  const { _handle: handle } = socket as {
    _handle?: { listen?(backlog: number): number };
  };
  return handle?.listen === undefined || handle.listen(1) === EINVAL;
}
