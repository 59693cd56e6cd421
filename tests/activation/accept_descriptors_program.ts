/** Accepts on what it was passed, in one of the ways there are, and echoes. */

import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { serve } from "../../serve/mod.ts";

// As services do. Without, "deno run" needs descriptors half a second after its
// start, and panics when there are none.
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
