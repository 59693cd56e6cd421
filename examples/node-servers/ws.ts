import { createServer } from "node:http";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { serveNode } from "./serve_node.ts";

await serveNode(() => {
  const server = createServer((_request, response) => {
    response.end("hello from ws\n");
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      socket.send(data, { binary: isBinary });
    });
  });
  // The server closes when the last upgraded connection is closed.
  Deno.addSignalListener("SIGTERM", () => {
    for (const socket of sockets.clients) socket.close(1001);
  });
  return server;
});
