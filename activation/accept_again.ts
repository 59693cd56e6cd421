import type { Server, Socket } from "node:net";

/** A socket of the runtime's event loop, as far as this needs it. */
interface Handle {
  onread?(): void;
  readStart(): number;
  readStop(): number;
}

/**
 * Has the runtime look for connections on a listening socket. It does so itself,
 * but no more once accepting has failed for want of a descriptor (Deno 2.9): this is
 * for when there is one again.
 *
 * @returns Whether the socket still listens.
 */
export function lookForConnections(handle: Handle): boolean {
  // Nothing can be read there; being asked to is why it is looked at.
  handle.onread ??= () => {};
  return handle.readStart() === 0 && handle.readStop() === 0;
}

/** Has a server of `node:net` accept again whenever a connection has freed one. */
export function acceptAgain(server: Server): void {
  const look = () => {
    // Node.js has no public name for it.
    const { _handle: handle } = server as { _handle?: Handle | null };
    if (handle?.readStart !== undefined) lookForConnections(handle);
  };
  // A TLS connection has a socket of its own, from its handshake's end on.
  for (const event of ["connection", "secureConnection", "tlsClientError"]) {
    server.on(event, (...args: unknown[]) => {
      (args.at(-1) as Socket).once("close", look);
    });
  }
}
