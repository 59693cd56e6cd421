import { createServer } from "node:http";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { serveNode, service } from "@ipc/ipc";

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
  // Clients that do not answer are cut off at the end of the drain.
  service().stopping.addEventListener("abort", () => {
    for (const socket of sockets.clients) socket.close(1001);
  });
  return server;
}, { fallback: { port: 8080 } });
