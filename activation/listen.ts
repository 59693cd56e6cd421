import { adoptListenFd, adoptServer, BACKLOG } from "./adopt_server.ts";
import { adoptedConn, type ChunkConn } from "./adopted_conn.ts";
import { AdoptedListener } from "./adopted_listener.ts";
import type { ListenFd } from "./environment.ts";
import { HandleAcceptor } from "./handle_acceptor.ts";
import { closedFd } from "./own_fd.ts";
import { ServerAcceptor } from "./server_acceptor.ts";
import { isTcpAddress, listenerAddr, UNIX_ADDR } from "./socket_address.ts";
import { SocketTransport } from "./socket_transport.ts";
import { streamBinding } from "./_runtime.ts";

/** Options for {@linkcode listen}. */
export interface ListenOptions {
  /**
   * How many connections the kernel keeps waiting on a unix socket. Adopting one
   * calls listen(2) again, which sets this anew: repeat the `Backlog=` of the
   * socket unit, if it has one. TCP sockets keep what the unit set.
   *
   * @default {4096}
   */
  backlog?: number;
}

/**
 * A listener on an adopted socket: what `Deno.listen()` returns, in all but the
 * way it came to be.
 */
export type InheritedListener =
  | Deno.Listener<Deno.TcpConn & ChunkConn, Deno.NetAddr>
  | Deno.Listener<Deno.UnixConn & ChunkConn, Deno.UnixAddr>;

/**
 * Adopts a listening stream socket that the service manager passed: a unix
 * socket (path or abstract) or TCP over IPv4 or IPv6.
 *
 * The listener and its connections behave as those of `Deno.listen()` do, with
 * these differences, all of them Deno's:
 *
 * - The address of a unix socket is not known: its `path` is empty.
 * - Connections are accepted as soon as peers connect. Those that `accept()` did
 *   not ask for yet are held open and unread; when the listener is closed during
 *   a `for await`, the loop still gets them.
 * - A connection keeps the process alive until it is closed or `unref()` is called;
 *   over TCP, from its first read on.
 * - A TCP peer that shuts down its side without having sent anything is taken for
 *   gone by a write of more than the kernel takes at once:
 *   `Deno.errors.BrokenPipe`.
 * - After accept(2) has failed, such as for want of descriptors, pending connections
 *   are accepted within two seconds once the cause is gone. For that, the process
 *   wakes up once a second while it listens. Deno 2.9 alone would never accept again.
 * - On Deno 2.9.5 and older, closing a connection of a unix socket closes its
 *   descriptor twice. In between, another thread may have opened a file or socket
 *   under the same number, which is closed then: this concerns programs with workers,
 *   or with file operations under way while connections are closed. Deno 2.9.6 closes
 *   it once.
 *
 * Closing the listener does not remove the path of a unix socket, and leaves new
 * connections waiting in the kernel: both belong to the service manager. The same
 * process cannot adopt that descriptor again.
 *
 * Needs no permission. Loads `node:process` on first use, whose handles below
 * `node:net` it takes; `node:net` itself where a runtime keeps them to itself.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param listenFd What {@linkcode listenFds} returned, or the number of a
 * descriptor in it.
 * @param options The backlog.
 * @returns The listener, once it accepts.
 * @throws {ActivationError} The number was not passed to this process, the
 * descriptor was adopted before, or is not a listening stream socket: datagram, sequential
 * packet and vsock sockets, FIFOs and files cannot be adopted. What is refused stays
 * available: {@linkcode connection} may adopt it, if it is a connection.
 *
 * @example
 * ```ts
 * import { listen, listenFds } from "@ipc/ipc";
 *
 * const [listenFd] = listenFds();
 * if (listenFd !== undefined) {
 *   for await (const conn of await listen(listenFd)) {
 *     conn.readable.pipeTo(conn.writable).catch(() => {});
 *   }
 * }
 * ```
 */
export async function listen(
  listenFd: number | ListenFd,
  options: ListenOptions = {},
): Promise<InheritedListener> {
  const { backlog = BACKLOG } = options;
  const binding = await streamBinding();
  if (binding === undefined) return listenWithNet(listenFd, backlog);
  const acceptor = await adoptListenFd(
    listenFd,
    (fd) =>
      new HandleAcceptor(
        binding,
        (onConnection) => binding.listen(fd, backlog, onConnection),
        adoptedConn,
        () => closedFd(fd),
      ),
  );
  return new AdoptedListener(acceptor, acceptor.addr) as InheritedListener;
}

/** The same with what is documented of Deno, which takes longer in all. */
async function listenWithNet(
  listenFd: number | ListenFd,
  backlog: number,
): Promise<InheritedListener> {
  const { createServer } = await import("node:net");
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await adoptServer(server, listenFd, backlog);
  const address = server.address();
  return new AdoptedListener(
    new ServerAcceptor(
      server,
      (socket) => adoptedConn(new SocketTransport(socket)),
    ),
    isTcpAddress(address) ? listenerAddr(address) : UNIX_ADDR,
  ) as InheritedListener;
}
