import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { pauseForWebSocket, upgradeConnection } from "../runtime/node_net.ts";

/** The connection of a request that asks for an upgrade. */
export interface Upgradable {
  message: IncomingMessage;
  connection: Duplex;
  /** The bytes that came after the request. */
  head: Uint8Array;
  /** The result of the upgrade. */
  socket?: WebSocket;
}

/** The requests that may be upgraded, while their handler runs. */
export const upgradables: WeakMap<Request, Upgradable> = new WeakMap();

/**
 * Upgrades a request to a WebSocket, as `Deno.upgradeWebSocket()` does for the requests
 * of `Deno.serve()`. Needs the option `webSocket` of {@linkcode serve}, and a TCP
 * connection without TLS. On other sockets, use {@linkcode listenServer} and a package
 * such as ws.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455 | RFC 6455}
 *
 * @param request The request, as the handler received it.
 * @param options The subprotocol, and `idleTimeout`: the time in seconds after which a
 * silent client is pinged, and closed when it does not answer.
 * @returns The socket, and the response that the handler must return.
 * @throws {TypeError} The request does not ask for a WebSocket, or its connection
 * cannot be upgraded.
 *
 * @example
 * ```ts
 * import { serve, upgradeWebSocket } from "@ipc/ipc/serve";
 * import { assertEquals } from "@std/assert";
 *
 * const service = await serve((request) => {
 *   const { socket, response } = upgradeWebSocket(request);
 *   socket.onmessage = ({ data }) => socket.send(data);
 *   return response;
 * }, { webSocket: true, fallback: { port: 0 } });
 *
 * const { port } = service.addr as Deno.NetAddr;
 * const client = new WebSocket(`ws://127.0.0.1:${port}`);
 * client.onopen = () => client.send("hello");
 * const { data } = await new Promise<MessageEvent>((resolve) => {
 *   client.onmessage = resolve;
 * });
 * assertEquals(data, "hello");
 * client.close();
 * await service.shutdown();
 * ```
 */
export function upgradeWebSocket(
  request: Request,
  options: Deno.UpgradeWebSocketOptions = {},
): Deno.WebSocketUpgrade {
  const upgradable = upgradables.get(request);
  if (upgradable === undefined) {
    throw new TypeError(
      "Cannot upgrade the request: it asks for no upgrade, or serve() has no webSocket option",
    );
  }
  const { connection, head } = upgradable;
  if (!pauseForWebSocket(connection)) {
    throw new TypeError(
      "Cannot upgrade the request: its connection is a unix socket or uses TLS; use listenServer() and a package such as ws",
    );
  }
  const upgraded = upgradeConnection(request, connection, head, options);
  upgradable.socket = upgraded.socket;
  return upgraded;
}
