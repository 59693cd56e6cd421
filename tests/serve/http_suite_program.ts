/**
 * Runs the HTTP suite on the sockets that this process was activated with; over TLS if the
 * variable TLS is set.
 */

import { httpBinding } from "../../runtime/http_binding.ts";
import { streamBinding } from "../../runtime/stream_binding.ts";
import { serve } from "../../serve/mod.ts";
import { dial, hostAndPort } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { casesOf, kindOf } from "./http_suite.ts";

const isTcp = !Deno.args[0]!.startsWith("/");
const secure = Deno.env.has("TLS");
const server = await streamBinding() === undefined
  ? "node"
  : isTcp && await httpBinding() !== undefined
  ? "native"
  : "ours";
const socket = secure ? "TLS" : isTcp ? "TCP" : "unix path";
const kind = kindOf(server, socket);
await runCases(casesOf(kind), ({ run }, i) => {
  const address = Deno.args[i]!;
  const own = {
    ...{ name: `case-${i}`, notify: false },
    ...secure ? { cert: CERT, key: KEY } : {},
  };
  return run({
    ...kind,
    serve: (handler, options) => serve(handler, { ...own, ...options }),
    dial: (cert = CERT) =>
      secure
        ? Deno.connectTls({ ...hostAndPort(address)!, caCerts: [cert] })
        : dial(address),
  });
});
