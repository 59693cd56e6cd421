/**
 * Runs the listener suite on the sockets that this process was activated with,
 * one socket a case after the first, and prints each result as a line of JSON.
 */
import { listen, listenFds } from "../../mod.ts";
import { CASES } from "./listener_suite.ts";

export interface Result {
  name: string;
  error?: string;
}

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using _trigger = await listen(trigger!);
  for (const [i, { name, run }] of CASES.entries()) {
    using listener = await listen(sockets[i]!);
    const dial = dialer(Deno.args[i]!);
    const result: Result = { name };
    try {
      await run(listener, dial);
    } catch (error) {
      result.error = error instanceof Error ? error.stack : `${error}`;
    }
    console.log(JSON.stringify(result));
  }
  Deno.exit();
}

function dialer(address: string): () => Promise<Deno.Conn> {
  const [, hostname, port] = /^\[?([0-9a-f.:]+?)\]?:([0-9]+)$/.exec(address) ??
    [];
  return hostname === undefined
    ? () =>
      Deno.connect({ transport: "unix", path: address.replace("@", "\0") })
    : () => Deno.connect({ hostname, port: Number(port) });
}
