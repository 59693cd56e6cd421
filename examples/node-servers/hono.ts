import type { Server } from "node:http";
import { createAdaptorServer, upgradeWebSocket } from "@hono/node-server";
import { Hono } from "hono";
import { streamText } from "hono/streaming";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { serveNode, service } from "@ipc/ipc";

const app = new Hono();
app.get("/", (context) => context.text("hello from hono\n"));
app.get("/count", (context) =>
  streamText(context, async (stream) => {
    for (let line = 1; line <= 3; line++) {
      await stream.writeln(`line ${line}`);
      await stream.sleep(20);
    }
  }));
app.get(
  "/ws",
  upgradeWebSocket(() => ({
    onMessage: (event, socket) => socket.send(String(event.data)),
  })),
);

await serveNode(() => {
  const sockets = new WebSocketServer({ noServer: true });
  // Clients that do not answer are cut off at the end of the drain.
  service().stopping.addEventListener("abort", () => {
    for (const socket of sockets.clients) socket.close(1001);
  });
  return createAdaptorServer({
    fetch: app.fetch,
    websocket: { server: sockets },
  }) as Server;
}, { fallback: { port: 8080 } });
