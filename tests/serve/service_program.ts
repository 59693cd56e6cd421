/**
 * A service to be started with sockets, and with as few permissions as a test
 * likes. Its argument are the options of `serve()`, as JSON, or those of several calls;
 * with `other`, it has another listener and a timer.
 */

import { ActivationError } from "../../activation/errors.ts";
import {
  serve,
  type ServeHandler,
  type ServeOptions,
} from "../../serve/mod.ts";

const { other, ...first } = JSON.parse(Deno.args[0] ?? "{}");
const all: ServeOptions[] = first.servers ?? [first];
if (other) {
  Deno.listen({ hostname: "127.0.0.1", port: 0 });
  setInterval(() => {}, 1_000);
}

const handler: ServeHandler = async (request, { remoteAddr }) => {
  switch (new URL(request.url).pathname) {
    case "/echo":
      return new Response(await request.text());
    case "/endless":
      return new Response(new ReadableStream({ start() {} }));
    case "/upgrade":
      return Deno.upgradeWebSocket(request).response;
    case "/fail":
      throw new Error("a secret\nof two lines");
    default:
      return Response.json({ url: request.url, remoteAddr });
  }
};

try {
  await Promise.all(all.map(async (options) => {
    const server = await serve(handler, {
      ...options,
      onListen: ({ transport }) => console.log(`listening: ${transport}`),
    });
    await server.finished;
    console.log("finished");
  }));
} catch (error) {
  if (!(error instanceof ActivationError)) throw error;
  console.log(`${error.name} ${error.code}: ${error.message}`);
  Deno.exit(78);
}
