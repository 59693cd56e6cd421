/**
 * A web server that runs only while it is used: systemd listens on its sockets and starts
 * it with the first request; it exits after ten minutes without a request.
 *
 * @module
 */

import { serve } from "../../serve/mod.ts";

const started = performance.now();
let requests = 0;

await serve(({ url }) => {
  requests++;
  const { pathname, searchParams } = new URL(url);
  if (pathname === "/") return new Response(summary());
  if (pathname !== "/clock") {
    return new Response("Not Found\n", { status: 404 });
  }
  return new Response(ticks(Number(searchParams.get("ticks") ?? 10)));
}, {
  fallback: { port: 8080 },
  idleTimeoutMs: 600_000,
  status: "Answering requests",
});

function summary(): string {
  const seconds = Math.round((performance.now() - started) / 1000);
  return `${requests} requests in the ${seconds} seconds since the start\n`;
}

/** A slow body: one line a second. */
function ticks(count: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let tick = 0;
  return new ReadableStream({
    async pull(controller) {
      if (tick >= count) return controller.close();
      if (tick > 0) await new Promise((resolve) => setTimeout(resolve, 1000));
      controller.enqueue(encoder.encode(`tick ${++tick}\n`));
    },
  }, { highWaterMark: 0 });
}
