import type { Server } from "node:tls";
import { keepBackPressure } from "./_runtime.ts";

/** How long a client may take for its handshake, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Makes a TLS server close what fails before or in its handshake, and let clients
 * wait while their connection is paused. The server must not be created with
 * `allowHalfOpen`: Deno (2.9) then closes no connection that ends before its
 * handshake.
 */
export function prepareTlsServer(server: Server): void {
  // Node.js does so itself, also after the handshake time-out; Deno (2.9) does not.
  server.on("tlsClientError", (_error, socket) => void socket.destroy());
  server.on("secureConnection", keepBackPressure);
}
