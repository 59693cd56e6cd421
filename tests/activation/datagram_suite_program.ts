/** Runs the datagram suite on the sockets that this process was activated with. */

import { listenDatagram, listenFds } from "../../mod.ts";
import { runCases } from "../support/activated_suite.ts";
import { CASES } from "./datagram_suite.ts";

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using first = await listenDatagram(trigger!);
  await first.receive();
  const { hostname } = first.addr;
  await runCases(CASES, async ({ run }, i) => {
    using conn = await listenDatagram(sockets[i]!);
    const peer = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    try {
      await run(conn, peer);
    } finally {
      peer.close();
    }
  });
}
