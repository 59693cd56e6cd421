/** Runs the HTTP suite on the sockets that this process was activated with. */

import { httpBinding } from "../../runtime/http_binding.ts";
import { streamBinding } from "../../runtime/stream_binding.ts";
import { serve } from "../../serve/mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { casesOf } from "./http_suite.ts";

if (import.meta.main) {
  const isTcp = !Deno.args[0]!.startsWith("/");
  const hasHandles = await streamBinding() !== undefined;
  const hasServer = await httpBinding() !== undefined;
  const server = !hasHandles ? "node" : isTcp && hasServer ? "native" : "ours";
  const overTcp = isTcp && server === "ours";
  await runCases(casesOf(server, { overTcp }), ({ run }, i) =>
    run({
      server,
      secure: false,
      serve: (handler, options) =>
        serve(handler, { name: `case-${i}`, notify: false, ...options }),
      dial: () => dial(Deno.args[i]!),
    }));
}
