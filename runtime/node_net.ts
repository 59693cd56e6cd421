import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
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

/**
 * Keeps the back-pressure of a TLS connection. While a TLS socket is paused, Deno
 * (2.9) goes on receiving into memory; this pauses the TCP socket below as well.
 */
export function keepBackPressure(socket: TLSSocket): void {
  const { _parent: tcp } = socket as NetInternals;
  socket.on("pause", () => tcp?._handle?.readStop?.());
  socket.on("resume", () => {
    // The event is asynchronous: the socket may be paused again.
    if (!socket.isPaused()) tcp?._handle?.readStart?.();
  });
}

/** Lets a client that half-closes after its request get the response. */
export function allowHalfOpen(server: Server): void {
  Object.assign(server, { httpAllowHalfOpen: true });
}

/**
 * Pauses a connection and its handle: without both, frames that arrive before Deno (2.9)
 * takes the connection for a WebSocket are lost.
 *
 * @returns Whether Deno can take it: a TCP connection without TLS.
 */
export function pauseForWebSocket(connection: Duplex): boolean {
  const { _handle: handle } = connection as NetInternals;
  if (handle?.takeStream === undefined) return false;
  connection.pause();
  handle.readStop?.();
  return true;
}

/** Makes Deno take a connection that is paused so. */
export function upgradeConnection(
  request: Request,
  connection: Duplex,
  head: Uint8Array,
  options: Deno.UpgradeWebSocketOptions,
): Deno.WebSocketUpgrade {
  return Deno.upgradeWebSocket(
    request,
    { ...options, socket: connection, head } as Deno.UpgradeWebSocketOptions,
  );
}
