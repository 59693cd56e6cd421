/** Runs the HTTP suite on the sockets that this process was activated with. */

import { serve } from "../../serve/mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { casesOf } from "./http_suite.ts";

if (import.meta.main) {
  const server = Deno.args[0]!.startsWith("/") ? "node" : "native";
  await runCases(casesOf(server), ({ run }, i) =>
    run({
      server,
      secure: false,
      serve: (handler, options) =>
        serve(handler, { name: `case-${i}`, notify: false, ...options }),
      dial: () => dial(Deno.args[i]!),
    }));
}
