/** Accepts on the passed sockets in the way of its first argument, and echoes. */

import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { serve } from "../../serve/mod.ts";

// As services do. Without it, "deno run" needs descriptors half a second after its
// start, and panics if none is free.
Deno.addSignalListener("SIGTERM", () => Deno.exit());

const [way, cert = "", key = ""] = Deno.args;
if (way === "serve") {
  await serve((request) => new Response(request.body));
} else {
  await Promise.all(
    listenFds().map(async (fd, index) => {
      const isTls = way === "listenTls" ||
        (way === "listen and listenTls" && index > 0);
      const listener = isTls
        ? await listenTls(fd, { cert, key })
        : await listen(fd);
      for await (const conn of listener) {
        conn.readable.pipeTo(conn.writable).catch(() => {});
      }
    }),
  );
}
