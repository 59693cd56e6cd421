/**
 * HTTP on the sockets that systemd passes, which `Deno.serve()` cannot adopt: a web
 * service that starts with its first client.
 *
 * @example
 * ```ts
 * import { serve } from "@ipc/ipc/serve";
 *
 * const service = await serve(
 *   () => new Response("hello\n"),
 *   { fallback: { port: 0 } },
 * );
 * console.log("serving on", service.addr);
 * ```
 *
 * @module
 */

export type {
  RunningServer,
  ServeFallback,
  ServerOptions,
} from "./_run_servers.ts";
export type {
  ConnHandler,
  ConnInfo,
  ServeConnsOptions,
} from "./conn_handler.ts";
export { type RunningConnServer, serveConns } from "./serve_conns.ts";
export { type RunningHttpServer, serve, type ServeOptions } from "./serve.ts";
export { serveNode, type ServeNodeOptions } from "./serve_node.ts";
export type { ServeHandler, ServeInfo } from "./serve_handler.ts";
export { upgradeWebSocket } from "./upgrade_web_socket.ts";
