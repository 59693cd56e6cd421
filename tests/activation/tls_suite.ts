/**
 * Runs the listener suite over TLS on the sockets that this process was activated
 * with, one a case after the first, and prints each result as a line of JSON.
 */

import { listen } from "../../activation/listen.ts";
import { listenFds } from "../../activation/listen_fds.ts";
import { listenTls } from "../../activation/listen_tls.ts";
import { CERT, KEY } from "../support/certificate.ts";
import type { Result } from "./adopted_suite.ts";
import { CASES } from "./listener_suite.ts";

/** What TLS has not: an order among handshakes, and options of TCP. */
const NOT_OF_TLS = [
  "for await yields connections in the order they came",
  "TCP connections take their socket options",
];

/** The cases that are for TLS as well. */
export const TLS_CASES = CASES.filter(({ name }) => !NOT_OF_TLS.includes(name));

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using _trigger = await listen(trigger!);
  for (const [i, { name, run }] of TLS_CASES.entries()) {
    using listener = await listenTls(sockets[i]!, { cert: CERT, key: KEY });
    const { hostname, port } = listener.addr;
    const result: Result = { name };
    try {
      await run(
        listener,
        () => Deno.connectTls({ hostname, port, caCerts: [CERT] }),
      );
    } catch (error) {
      result.error = error instanceof Error ? error.stack : `${error}`;
    }
    console.log(JSON.stringify(result));
  }
  Deno.exit();
}
