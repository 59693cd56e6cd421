/** Echoes the messages of WebSockets. Its argument has the options of `serve()`, as JSON. */

import { service as life } from "../../daemon/mod.ts";
import { serve, upgradeWebSocket } from "../../serve/mod.ts";

const early = life().hold(); // The first request may come late.
const service = await serve((request) => {
  early[Symbol.dispose]();
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/") return new Response("plain\n", { status: 426 });
  if (!["/echo", "/slow"].includes(pathname)) {
    if (pathname === "/twice") upgradeWebSocket(request);
    try {
      upgradeWebSocket(pathname === "/copy" ? new Request(request) : request);
      return new Response("none");
    } catch (error) {
      return new Response(String(error));
    }
  }
  const { socket, response } = upgradeWebSocket(request, {
    protocol: "test",
    idleTimeout: Number(searchParams.get("idle") ?? 30),
  });
  socket.addEventListener("message", ({ data }) => socket.send(data));
  socket.addEventListener("close", ({ code }) => console.log(`closed ${code}`));
  if (pathname === "/echo") return response;
  return new Promise((resolve) => {
    request.signal.addEventListener("abort", () => {
      try {
        upgradeWebSocket(request);
      } catch (error) {
        console.log(String(error));
      }
      resolve(response);
    });
  });
}, { ...JSON.parse(Deno.args[0] ?? "{}"), notify: false });
await service.finished;
console.log("finished");
