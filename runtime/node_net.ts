import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { StreamHandle } from "./stream_handle.ts";

/** The internals of a socket of `node:net`; a socket of `node:tls` has one as parent. */
export interface NetInternals {
  readonly _handle?: Partial<StreamHandle> | null;
  readonly _parent?: NetInternals;
}

/** Whether listen(2) fails with EINVAL, as on a connected unix socket. */
export async function socketMayHavePeer(
  socket: Socket,
  backlog: number,
): Promise<boolean> {
  const { constants } = await import("node:os");
  const { _handle: handle } = socket as NetInternals;
  return handle?.listen === undefined ||
    handle.listen(backlog) === -constants.errno.EINVAL;
}

/** Returns the TCP socket below a TLS connection. */
export function socketBelow(socket: TLSSocket): Socket | undefined {
  return (socket as NetInternals)._parent as Socket | undefined;
}

/**
 * Keeps the back-pressure of a TLS connection. While a TLS socket is paused, Deno
 * (2.9) continues to receive into memory; this pauses the TCP socket below as well.
 */
export function keepBackPressure(socket: TLSSocket): void {
  const { _parent: tcp } = socket as NetInternals;
  socket.on("pause", () => tcp?._handle?.readStop?.());
  socket.on("resume", () => {
    // The event is asynchronous: the socket may be paused again.
    if (!socket.isPaused()) tcp?._handle?.readStart?.();
  });
}
