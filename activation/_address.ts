import type { AddressInfo, Socket } from "node:net";

/** The size of the kernel's socket path, with the NUL byte at its end. */
export const UNIX_PATH_BYTES = 108;

/**
 * The address of an adopted unix socket: Deno has no API that returns the path, and
 * reading it from /proc needs a permission.
 */
export const UNIX_ADDR: Readonly<Deno.UnixAddr> = Object.freeze({
  transport: "unix",
  path: "",
});

/** Returns the address that a server is bound to. */
export function listenerAddr(
  address: AddressInfo | string | null,
): Deno.NetAddr | Deno.UnixAddr {
  if (address === null) return UNIX_ADDR;
  // The path is known only of a socket that this process has bound.
  if (typeof address === "string") return { transport: "unix", path: address };
  return netAddr(address.address, address.port);
}

/** Returns the local address of a connected socket. */
export function localAddr(socket: Socket): Deno.NetAddr | Deno.UnixAddr {
  return socket.localAddress === undefined
    ? UNIX_ADDR
    : netAddr(socket.localAddress, socket.localPort);
}

/** Returns the address of the peer of a connected socket. */
export function remoteAddr(
  socket: Partial<
    Pick<Socket, "localAddress" | "remoteAddress" | "remotePort">
  >,
): Deno.NetAddr | Deno.UnixAddr {
  return socket.localAddress === undefined
    ? UNIX_ADDR
    : netAddr(socket.remoteAddress, socket.remotePort);
}

/** Returns a TCP address; that of a peer that has reset the connection is empty. */
export function netAddr(hostname = "", port = 0): Deno.NetAddr {
  return { transport: "tcp", hostname, port };
}

/** Returns a host and a port as text: `127.0.0.1:80`, `[::1]:80`. */
export function hostAndPort(hostname: string, port: number): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
