/** Echoes over TLS, prints the negotiated protocol, and renews its certificate. */

import { ActivationError } from "../../activation/errors.ts";
import { listenFds } from "../../activation/environment.ts";
import { listenTls } from "../../activation/listen_tls.ts";

const [cert = "", key = "", renewedCert = "", renewedKey = ""] = Deno.args;
try {
  const listener = await listenTls(listenFds()[0]!, {
    ...{ cert, key },
    alpnProtocols: ["echo/2", "echo/1"],
  });
  console.log("listening");
  for await (const conn of listener) {
    console.log(`negotiated ${(await conn.handshake()).alpnProtocol}`);
    conn.forEachChunk(async (chunk) => {
      const text = new TextDecoder().decode(chunk);
      const renewed = { cert: renewedCert, key: renewedKey };
      if (text === "invalid") {
        await listener.setCertificate({ ...renewed, key }).catch(() =>
          console.log("kept the certificate")
        );
      }
      if (text === "renew") {
        await listener.setCertificate(renewed);
        console.log("renewed the certificate");
      }
      await conn.writeChunk(chunk);
    }).then(() => conn.close(), () => {});
  }
} catch (error) {
  if (
    !(error instanceof ActivationError ||
      error instanceof Deno.errors.InvalidData)
  ) throw error;
  console.log(error.message);
}
