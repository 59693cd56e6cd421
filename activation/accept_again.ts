import type { Server, Socket } from "node:net";

/** A socket of the runtime's event loop, as far as this needs it. */
interface Handle {
  onread?(): void;
  readStart(): number;
  readStop(): number;
}

/** Who listens: as `node:net` has it, while it does. */
interface Listening {
  readonly _handle?: Handle | null;
}

/**
 * All that listen in this process: descriptors are the process's, so whoever frees
 * one may be waited for by any of them.
 */
const listeners = new Set<Listening>();

/** Has it accept again whenever a connection has freed a descriptor. */
export function startLooking(listening: Listening): void {
  listeners.add(listening);
}

/** Must be called before its handle is closed. */
export function stopLooking(listening: Listening): void {
  listeners.delete(listening);
}

/**
 * Has the runtime look for connections, wherever this process listens: a descriptor
 * is free. The runtime does so itself, but no more once accepting has failed for want
 * of one (Deno 2.9).
 */
export function lookForConnections(): void {
  for (const { _handle: handle } of listeners) {
    if (handle?.readStart === undefined) continue;
    // Nothing can be read there; being asked to is why it is looked at.
    handle.onread ??= () => {};
    if (handle.readStart() === 0) handle.readStop();
  }
}

/** Has a server of `node:net` accept again whenever a connection has freed one. */
export function acceptAgain(server: Server): void {
  const listening = server as Listening;
  server.on("listening", () => startLooking(listening));
  server.on("close", () => stopLooking(listening));
  // A TLS connection has a socket of its own, from its handshake's end on.
  for (const event of ["connection", "secureConnection", "tlsClientError"]) {
    server.on(event, (...args: unknown[]) => {
      (args.at(-1) as Socket).once("close", lookForConnections);
    });
  }
}
