/** Echoes over TLS, and prints the negotiated protocol. */

import { ActivationError } from "../../activation/errors.ts";
import { listenFds } from "../../activation/environment.ts";
import { listenTls } from "../../activation/listen_tls.ts";

const [cert = "", key = ""] = Deno.args;
try {
  const listener = await listenTls(listenFds()[0]!, {
    ...{ cert, key },
    alpnProtocols: ["echo/2", "echo/1"],
  });
  console.log("listening");
  for await (const conn of listener) {
    console.log(`negotiated ${(await conn.handshake()).alpnProtocol}`);
    conn.readable.pipeTo(conn.writable).catch(() => {});
  }
} catch (error) {
  if (
    !(error instanceof ActivationError ||
      error instanceof Deno.errors.InvalidData)
  ) throw error;
  console.log(error.message);
}
