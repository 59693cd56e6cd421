/** Runs the HTTP suite on the sockets that this process was activated with. */

import { serve } from "../../serve/mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { CASES } from "./http_suite.ts";

if (import.meta.main) {
  await runCases(CASES, ({ run }, i) =>
    run({
      secure: false,
      serve: (handler, options) =>
        serve(handler, { name: `case-${i}`, notify: false, ...options }),
      dial: () => dial(Deno.args[i]!),
    }));
}
