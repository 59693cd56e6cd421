import type { TLSSocket } from "node:tls";

/** The socket below a TLS socket, as far as this module knows it. */
interface Below {
  _parent?: { _handle?: { readStart?(): void; readStop?(): void } | null };
}

/**
 * Makes the peer of a TLS connection wait while the connection is paused. Deno
 * (2.9) goes on to receive and keeps it all in memory, so the socket below, which
 * has no public name, is stopped and started along.
 */
export function keepBackPressure(socket: TLSSocket): void {
  const { _parent: below } = socket as Below;
  socket.on("pause", () => below?._handle?.readStop?.());
  socket.on("resume", () => {
    // The event comes late: the socket may have been paused again.
    if (!socket.isPaused()) below?._handle?.readStart?.();
  });
}
