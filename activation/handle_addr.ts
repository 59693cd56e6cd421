import { UNIX_ADDR } from "./socket_address.ts";
import type { SocketName, StreamHandle } from "./_runtime.ts";

/** Returns the address of one end of a handle; of a unix socket, none is known. */
export function handleAddr(
  handle: StreamHandle,
  end: "getsockname" | "getpeername",
): Deno.NetAddr | Deno.UnixAddr {
  const name: Partial<SocketName> = {};
  // A peer that is gone has no address any more.
  if (handle[end]?.(name) === undefined) return UNIX_ADDR;
  const { address = "", port = 0 } = name;
  return { transport: "tcp", hostname: address, port };
}
