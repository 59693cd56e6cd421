/** Makes a server of the kind in its first argument listen on the passed socket. */

import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import { listenFds, listenServer } from "../../activation/mod.ts";

const [kind, cert, key] = Deno.args;
const hello = (
  _request: unknown,
  response: { end(text: string): unknown },
) => void response.end("hello");
const servers: Record<string, () => net.Server> = {
  "node:net": () => net.createServer((socket) => socket.end("hello")),
  "node:http": () => http.createServer(hello),
  "node:https": () => https.createServer({ cert, key }, hello),
  "node:http2": () => http2.createServer(hello) as unknown as net.Server,
};
const server = servers[kind!]!();
const sockets = new Set<net.Socket>();
server.on("connection", (socket) => sockets.add(socket));
await listenServer(server, 3);
try {
  await listenServer(server, listenFds()[0]!);
} catch (error) {
  console.log((error as Error).message);
}
Deno.addSignalListener("SIGTERM", () => {
  server.close(() => {
    console.log("closed");
    Deno.exit();
  });
  // Under load, Deno's http2 may keep a session whose client has gone.
  for (const socket of sockets) socket.destroy();
});
