import { adoptFd, closedFd } from "./_fd_ownership.ts";
import { openUdp, udpHandles } from "../runtime/udp_handle.ts";
import { fdsFor, onlyFd } from "./_choose_fds.ts";
import { notActivated } from "./_no_socket.ts";
import { type ListenFd, listenFdsNamed } from "./environment.ts";
import { ActivationError } from "./errors.ts";

/**
 * An adopted UDP socket, in the shape of `Deno.DatagramConn` without multicast groups.
 *
 * Several receives may be pending: datagrams are delivered in their order. The kernel
 * keeps datagrams until they are received, up to `ReceiveBuffer=` of the socket unit, and
 * drops what exceeds it: of a burst of 2,000 small ones, some 350 fit into the default
 * size.
 */
export interface AdoptedDatagramConn
  extends AsyncIterable<[Uint8Array<ArrayBuffer>, Deno.NetAddr]>, Disposable {
  /** The bound address; its transport is `"udp"`. */
  readonly addr: Deno.NetAddr;
  /**
   * Receives one datagram, which may be empty. Needs no permission.
   *
   * @param p The buffer to fill: what exceeds it is lost. By default, the whole
   * datagram is returned.
   * @returns The part of the buffer that was filled, and the address of the sender.
   * @throws {Deno.errors.Interrupted} The socket was closed during the call.
   * @throws {Deno.errors.BadResource} The socket was closed before.
   */
  receive(p?: Uint8Array): Promise<[Uint8Array<ArrayBuffer>, Deno.NetAddr]>;
  /**
   * Sends one datagram. Needs `--allow-net` for the address.
   *
   * @returns The number of bytes.
   * @throws {Deno.errors.NotCapable} The permission is missing.
   * @throws {Deno.errors.BadResource} The socket was closed before.
   * @throws {Error} The kernel refused it: it has more than 65,507 bytes for example.
   * The runtime does not pass the reason on.
   */
  send(p: Uint8Array, addr: Deno.Addr): Promise<number>;
  /**
   * Closes the socket, and ends iteration.
   *
   * @throws {Deno.errors.BadResource} It is closed.
   */
  close(): void;
  /** Lets a pending receive keep the process alive, which is the default. */
  ref(): void;
  /** Lets the process exit while a receive is pending. */
  unref(): void;
}

/**
 * Adopts a UDP socket that the service manager passed (`ListenDatagram=` with a port),
 * over IPv4 or IPv6.
 *
 * When recvfrom(2) fails, receiving is retried: no datagram is lost. Deno cannot adopt
 * unix datagram sockets.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`; sending
 * needs `--allow-net`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#ListenStream= | systemd.socket(5), ListenDatagram=}
 *
 * @param which The descriptor, or the name of the only socket with that name.
 * @returns The socket.
 * @throws {ActivationError} The descriptor was not passed to this process, was adopted
 * before, or is no UDP socket; several sockets have the name; or this Deno has no handle
 * for UDP (`code` is `"unsupported"`), for which there is no documented API.
 *
 * @example A service that echoes datagrams
 * ```ts
 * import { ActivationError, listenDatagram } from "@ipc/ipc";
 *
 * try {
 *   const socket = await listenDatagram("echo");
 *   for await (const [bytes, from] of socket) await socket.send(bytes, from);
 * } catch (error) {
 *   if (!(error instanceof ActivationError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export async function listenDatagram(
  which: number | string | ListenFd,
): Promise<AdoptedDatagramConn> {
  const listenFd = typeof which === "string" ? await onlyFdNamed(which) : which;
  const handles = await udpHandles();
  if (handles === undefined) {
    throw new ActivationError(
      "Cannot adopt a UDP socket: this Deno has no handle for it, and no documented API; use another release",
      { code: "unsupported" },
    );
  }
  const { UdpDatagramConn } = await import("./_datagram_conn.ts");
  return await adoptFd(
    listenFd,
    "receive",
    (fd) => new UdpDatagramConn(openUdp(handles, fd), () => closedFd(fd)),
  );
}

async function onlyFdNamed(name: string): Promise<ListenFd> {
  const listenFds = await fdsFor("udp", listenFdsNamed(name));
  if (listenFds.length === 0) throw notActivated(`take the socket "${name}"`);
  return onlyFd(listenFds, name);
}
