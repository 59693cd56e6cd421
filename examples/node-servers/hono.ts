import type { Server } from "node:http";
import { createAdaptorServer, upgradeWebSocket } from "@hono/node-server";
import { Hono } from "hono";
import { streamText } from "hono/streaming";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { serveNode } from "./serve_node.ts";

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

await serveNode(() =>
  createAdaptorServer({
    fetch: app.fetch,
    websocket: { server: new WebSocketServer({ noServer: true }) },
  }) as Server
);
