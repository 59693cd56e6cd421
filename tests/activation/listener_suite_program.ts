/**
 * Runs the listener suite on the sockets that this process was activated with, over TLS
 * if the variable TLS is set.
 */

import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { CASES, TLS_CASES } from "./listener_suite.ts";

const [trigger, ...sockets] = listenFds();
using _trigger = await listen(trigger!);
if (Deno.env.has("TLS")) {
  await runCases(TLS_CASES, async ({ run }, i) => {
    using listener = await listenTls(sockets[i]!, { cert: CERT, key: KEY });
    const { hostname, port } = listener.addr;
    const options = { hostname, port, caCerts: [CERT] };
    await run(listener, () => Deno.connectTls(options));
  });
}
await runCases(CASES, async ({ run }, i) => {
  using listener = await listen(sockets[i]!);
  await run(listener, () => dial(Deno.args[i]!));
});
