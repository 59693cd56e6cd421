import { acceptOn } from "./_accept.ts";
import { adoptedConn, type ChunkConn } from "./_conn.ts";
import { AcceptorListener } from "./_listener.ts";
import { type Acceptor, BACKLOG } from "./_transport.ts";
import type { ListenFd } from "./environment.ts";

/** Options for {@linkcode listen}. */
export interface ListenOptions {
  /**
   * The most connections that the kernel queues on a unix socket until they are
   * accepted. Adopting the socket calls listen(2) again, which sets this value: repeat
   * the `Backlog=` of the socket unit, if it has one. TCP sockets keep the value of
   * the unit.
   *
   * @default {4096}
   */
  backlog?: number | undefined;
}

/** A listener on an adopted socket: what `Deno.listen()` returns. */
export type AdoptedListener =
  | Deno.Listener<Deno.TcpConn & ChunkConn, Deno.NetAddr>
  | Deno.Listener<Deno.UnixConn & ChunkConn, Deno.UnixAddr>;

/**
 * Adopts a listening stream socket that the service manager passed: a unix
 * socket (path or abstract) or TCP over IPv4 or IPv6.
 *
 * The listener and its connections behave as those of `Deno.listen()`, with these
 * differences, all caused by Deno:
 *
 * - The address of a unix socket is not known: its `path` is empty.
 * - Connections are accepted as soon as peers connect, and queued until `accept()`
 *   returns them. When the listener is closed during a `for await`, the loop still
 *   returns the queued ones.
 * - A connection keeps the process alive until it is closed or `unref()` is called;
 *   over TCP, from its first read on.
 * - When a TCP peer has half-closed without sending anything, a write of more than
 *   the kernel takes at once fails with `Deno.errors.BrokenPipe`.
 * - After accept(2) has failed, for example without free descriptors, pending
 *   connections are accepted within two seconds once the cause is gone. For this, the
 *   process wakes up once a second while it listens. Deno 2.9 alone would never accept
 *   again.
 * - Deno 2.9.5 and older close the descriptor of a unix connection twice. Between the
 *   two, another thread may open a file or socket with the same number, which is then
 *   closed. This affects programs with workers, or with file operations under way
 *   while connections are closed. Deno 2.9.6 closes it once.
 *
 * Closing the listener does not remove the path of a unix socket, and leaves new
 * connections in the kernel's queue: both belong to the service manager. The same
 * process cannot adopt that descriptor again.
 *
 * Needs no permission. Loads `node:process` on first use and uses the stream handles
 * below `node:net`; loads `node:net` on a runtime that does not provide them.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param listenFd A result of {@linkcode listenFds}, or the number of a descriptor in
 * it.
 * @param options The backlog.
 * @returns The listener, once it accepts.
 * @throws {ActivationError} The descriptor was not passed to this process, was adopted
 * before, or is not a listening stream socket: {@linkcode listenDatagram} adopts UDP
 * sockets; other datagram, sequential packet and vsock sockets, FIFOs and files cannot
 * be adopted. A refused descriptor stays available:
 * {@linkcode connection} may adopt it, if it is a connection.
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
): Promise<AdoptedListener> {
  const { backlog = BACKLOG } = options;
  const acceptor = await acceptOn(
    listenFd,
    backlog,
    (transport) => adoptedConn(transport),
  );
  return new AcceptorListener(
    acceptor as Acceptor<Deno.TcpConn & ChunkConn>,
  ) as AdoptedListener;
}
