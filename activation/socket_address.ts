import type { AddressInfo, Socket } from "node:net";

/**
 * Deno cannot ask for the path of an adopted unix socket, nor may it look: the
 * address says what kind it is, and its path is empty.
 */
export const UNIX_ADDR: Readonly<Deno.UnixAddr> = Object.freeze({
  transport: "unix",
  path: "",
});

/** Whether a server or socket of `node:net` listens on, or talks, TCP. */
export function isTcpAddress(
  address: AddressInfo | string | null,
): address is AddressInfo {
  return typeof address === "object" && address !== null && "port" in address;
}

/** Returns the address that a TCP listener is bound to. */
export function listenerAddr(address: AddressInfo): Deno.NetAddr {
  return {
    transport: "tcp",
    hostname: address.address,
    port: address.port,
  };
}

/** Returns the local address of a connected TCP socket. */
export function localAddr(socket: Socket): Deno.NetAddr {
  return {
    transport: "tcp",
    hostname: socket.localAddress ?? "",
    port: socket.localPort ?? 0,
  };
}

/** Returns the peer's address of a connected TCP socket. */
export function remoteAddr(socket: Socket): Deno.NetAddr {
  return {
    transport: "tcp",
    hostname: socket.remoteAddress ?? "",
    port: socket.remotePort ?? 0,
  };
}
