/** A service for tests. Its argument has the options of `serve()`, as JSON. */

import { service } from "../../daemon/mod.ts";
import { serve } from "../../serve/mod.ts";

// The first request may come later than the idle time.
const early = service().hold();
const server = await serve(async (request, { remoteAddr }) => {
  early[Symbol.dispose]();
  switch (new URL(request.url).pathname) {
    case "/echo":
      return new Response(await request.text());
    case "/endless":
      return new Response(new ReadableStream({ start() {} }));
    case "/renew":
      await server.setCertificate(await request.json());
      return new Response();
    case "/fail":
      throw new Error("a secret\nof two lines");
    default:
      return Response.json({ url: request.url, remoteAddr });
  }
}, {
  ...JSON.parse(Deno.args[0] ?? "{}"),
  onListen: ({ transport }) => console.log(`listening: ${transport}`),
});
await server.finished;
console.log("finished");
