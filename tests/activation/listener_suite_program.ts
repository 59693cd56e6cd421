/** Runs the listener suite on the sockets that this process was activated with. */

import { listen, listenFds } from "../../mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { CASES } from "./listener_suite.ts";

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using _trigger = await listen(trigger!);
  await runCases(CASES, async ({ run }, i) => {
    using listener = await listen(sockets[i]!);
    await run(listener, () => dial(Deno.args[i]!));
  });
}
