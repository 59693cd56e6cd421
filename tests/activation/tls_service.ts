/** Echoes over TLS, and tells what was agreed upon in the handshake. */

import { ActivationError } from "../../activation/activation_error.ts";
import { listenFds } from "../../activation/listen_fds.ts";
import { listenTls } from "../../activation/listen_tls.ts";

const [cert = "", key = ""] = Deno.args;
try {
  const listener = await listenTls(listenFds()[0]!, {
    ...{ cert, key },
    alpnProtocols: ["echo/2", "echo/1"],
  });
  console.log("listening");
  for await (const conn of listener) {
    console.log(`agreed on ${(await conn.handshake()).alpnProtocol}`);
    conn.readable.pipeTo(conn.writable).catch(() => {});
  }
} catch (error) {
  if (
    !(error instanceof ActivationError ||
      error instanceof Deno.errors.InvalidData)
  ) throw error;
  console.log(error.message);
}
