import { createServer } from "node:http";
import fastify from "fastify";
import { serveNode } from "@ipc/ipc";

let handle!: Parameters<typeof createServer>[1];
const app = fastify({
  serverFactory(handler) {
    handle = handler;
    return createServer(handler);
  },
});
app.get("/", () => "hello from fastify\n");
await app.ready();

await serveNode(() => createServer(handle!), { fallback: { port: 8080 } });
