/** Echoes the messages of WebSockets. Its argument are the options of `serve()`. */

import { serve, upgradeWebSocket } from "../../serve/mod.ts";

const service = await serve((request) => {
  const { pathname, searchParams } = new URL(request.url);
  const caught = (call: () => unknown) => {
    try {
      call();
      return new Response("none");
    } catch (error) {
      return new Response(String(error));
    }
  };
  switch (pathname) {
    case "/pid":
      return new Response(`${Deno.pid}`);
    case "/twice":
      upgradeWebSocket(request);
      return caught(() => upgradeWebSocket(request));
    case "/copy":
      return caught(() => upgradeWebSocket(new Request(request)));
    case "/other":
      return caught(() => upgradeWebSocket(request));
  }
  if (pathname !== "/echo") return new Response("plain\n", { status: 426 });
  const { socket, response } = upgradeWebSocket(request, {
    protocol: "test",
    idleTimeout: Number(searchParams.get("idle") ?? 30),
  });
  socket.addEventListener("message", ({ data }) => socket.send(data));
  socket.addEventListener("close", ({ code }) => console.log(`closed ${code}`));
  return response;
}, { ...JSON.parse(Deno.args[0] ?? "{}"), notify: false });
await service.finished;
console.log("finished");
