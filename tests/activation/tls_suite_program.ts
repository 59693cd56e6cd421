/** Runs the listener suite over TLS on the sockets that this process was activated with. */

import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { runCases } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { CASES } from "./listener_suite.ts";

/** TLS has no order among handshakes, and no options of TCP. */
const NOT_OF_TLS = [
  "for await yields connections in order",
  "TCP connections take their socket options",
];

export const TLS_CASES = CASES.filter(({ name }) => !NOT_OF_TLS.includes(name));

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using _trigger = await listen(trigger!);
  await runCases(TLS_CASES, async ({ run }, i) => {
    using listener = await listenTls(sockets[i]!, { cert: CERT, key: KEY });
    const { hostname, port } = listener.addr;
    await run(
      listener,
      () => Deno.connectTls({ hostname, port, caCerts: [CERT] }),
    );
  });
}
