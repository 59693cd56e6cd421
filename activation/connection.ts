import type { AddressInfo } from "node:net";
import { ActivationError } from "./activation_error.ts";
import { BACKLOG } from "./adopt_server.ts";
import { adoptedConn, type ChunkConn } from "./adopted_conn.ts";
import type { ListenFd } from "./environment.ts";
import { HandleTransport } from "./handle_transport.ts";
import { disownFd, ownFd } from "./own_fd.ts";
import { isTcpAddress } from "./socket_address.ts";
import { SocketTransport } from "./socket_transport.ts";
import {
  socketMayHavePeer,
  type StreamBinding,
  streamBinding,
} from "./_runtime.ts";
import type { Transport } from "./transport.ts";

/** A connection on an adopted socket: what `Deno.connect()` returns. */
export type InheritedConn = (Deno.TcpConn | Deno.UnixConn) & ChunkConn;

/**
 * Adopts a connected stream socket: the one that the service manager passes to
 * each instance of an `Accept=yes` service (fd 3), or standard input of a
 * service with `StandardInput=socket` (fd 0, inetd style).
 *
 * A unix socket that was never connected looks the same as one that is: its first
 * read or write fails. A TCP connection that the peer has reset already looks like
 * one that never was, and is refused.
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
    return adoptedConn(
      binding === undefined ? await openWithNet(fd) : openHandle(binding, fd),
    );
  } catch (cause) {
    if (!(cause instanceof NoPeer)) disownFd(fd);
    throw new ActivationError(
      `Cannot take the connection on fd ${fd} "${name}": it is not a connected stream socket (${
        cause instanceof Error ? cause.message : cause
      }); use Accept=yes with ListenStream=`,
      { fd, fdName: name, cause },
    );
  }
}

/** What was opened, and closed again: it is no connection. */
class NoPeer extends Error {
  constructor() {
    super("it has no peer, or none any more");
  }
}

function openHandle(binding: StreamBinding, fd: number): Transport {
  const handle = binding.open(fd, "SOCKET");
  const hasPeer = handle.getpeername === undefined
    ? binding.mayHavePeer(handle, BACKLOG)
    : handle.getpeername({}) === 0;
  if (hasPeer) return new HandleTransport(binding, handle);
  handle.close();
  throw new NoPeer();
}

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
  throw new NoPeer();
}
