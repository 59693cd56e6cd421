import { upgrades } from "./_upgrade.ts";

/**
 * Upgrades a request to a WebSocket, as `Deno.upgradeWebSocket()` does for the requests
 * of `Deno.serve()`. Needs the option `webSocket` of {@linkcode serve}, and a TCP or unix
 * socket without TLS: let a proxy terminate TLS, or use {@linkcode listenServer} and a
 * package such as ws.
 *
 * When the server stops, it closes each WebSocket with the code 1001.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455 | RFC 6455}
 *
 * @param request The request, as the handler received it.
 * @param options The subprotocol, and `idleTimeout`: the time in seconds after which a
 * silent client is pinged, and closed when it does not answer.
 * @returns The socket, and the response that the handler must return.
 * @throws {TypeError} The request does not ask for a WebSocket, is a copy, or has a
 * connection that cannot be upgraded.
 * @throws {Deno.errors.Http} The request is already upgraded.
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
  const upgrade = upgrades.get(request);
  if (upgrade !== undefined) return upgrade.prepare(request, options);
  throw new TypeError(
    "Cannot upgrade the request: it asks for no upgrade, it is a copy of the one that the handler received, or serve() has no webSocket option",
  );
}
