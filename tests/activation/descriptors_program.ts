/** Accepts on what it was passed, in one of the ways there are, and echoes. */

import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { serve } from "../../serve/mod.ts";

// As services do. Without, Deno 2.9 needs a descriptor to end a TLS connection that
// fails, and panics when there is none.
Deno.addSignalListener("SIGTERM", () => Deno.exit());

const [way, cert = "", key = ""] = Deno.args;
if (way === "serve") {
  await serve((request) => new Response(request.body));
} else {
  const [fd] = listenFds();
  const listener = way === "listenTls"
    ? await listenTls(fd!, { cert, key })
    : await listen(fd!);
  console.log("listening");
  for await (const conn of listener) {
    conn.readable.pipeTo(conn.writable).catch(() => {});
  }
}
