// Deno's own HTTP server: which shapes are refused, and what a connection calls.

import { assertEquals, assertThrows } from "@std/assert";
import { HttpBinding } from "../../runtime/http_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";

/** Internals of the known shape, with changes, and the calls of their functions. */
function internals(
  { newServerIs = "http", own = {}, ofCore = {}, ofTcp = {} } = {},
) {
  const calls: unknown[][] = [];
  const log = (name: string) => (...args: unknown[]) => {
    calls.push([name, ...args]);
  };
  const rid = Symbol();
  const handle = { takeStream: () => 7, close: log("close"), ...ofTcp };
  const binding = () =>
    new HttpBinding({
      serveHttpOnConnection(
        connection: Record<symbol, number>,
        signal: AbortSignal,
      ) {
        signal.addEventListener("abort", log("abort"));
        calls.push(["serve", connection[rid]]);
        const finished = Promise.resolve();
        return { finished, ref: log("ref"), unref: log("unref") };
      },
      core: {
        internalRidSymbol: rid,
        resources: () => ({ 8: newServerIs }),
        tryClose: log("tryClose"),
        ops: {
          op_http_cancel(...args: unknown[]) {
            calls.push(["cancel", ...args]);
            throw new Deno.errors.BadResource("It is closed");
          },
        },
        ...ofCore,
      },
      ...own,
    }, { prototype: handle });
  const respond = () => new Response();
  const serve = () =>
    binding().serve(handle as unknown as StreamHandle, respond, respond);
  return { calls, binding, serve };
}

Deno.test("validation refuses an HTTP server of another shape", () => {
  for (
    const [what, change] of Object.entries({
      "no server": { own: { serveHttpOnConnection: undefined } },
      "no core": { own: { core: undefined } },
      "no symbol": { ofCore: { internalRidSymbol: "rid" } },
      "no resources": { ofCore: { resources: undefined } },
      "no tryClose": { ofCore: { tryClose: undefined } },
      "no cancel": { ofCore: { ops: {} } },
      "no stream": { ofTcp: { takeStream: undefined } },
    })
  ) assertThrows(internals(change).binding, TypeError, undefined, what);
  assertThrows(() => new HttpBinding(undefined, Object), TypeError);
});

Deno.test("a connection is drained and aborted by its server's resource", async () => {
  const { calls, serve } = internals();
  const connection = serve()!;
  connection.drain();
  connection.abort();
  connection.unref();
  connection.ref();
  await connection.finished;
  assertEquals(calls, [
    ...[["close"], ["serve", 7], ["cancel", 8, true], ["abort"]],
    ...[["unref"], ["ref"]],
  ]);
});

Deno.test("a server that cannot be closed is an error, and closed", () => {
  const serveHttpOnConnection = () => ({ finished: Promise.resolve() });
  for (
    const [what, change] of Object.entries({
      "its resource is unknown": { newServerIs: "tcpStream" },
      "it ignores the signal": { own: { serveHttpOnConnection } },
    })
  ) {
    const { calls, serve } = internals(change);
    assertThrows(serve, TypeError, "another shape", what);
    assertEquals(calls.slice(-2), [["tryClose", 7], ["tryClose", 8]]);
  }
});

Deno.test("a connection that cannot be served is closed; if its peer has gone, without an error", () => {
  let failure: Error = new Deno.errors.NotConnected("gone");
  const serveHttpOnConnection = () => {
    throw failure;
  };
  const { calls, serve } = internals({ own: { serveHttpOnConnection } });
  assertEquals(serve(), undefined);
  assertEquals(calls.splice(0), [["close"], ["tryClose", 7]]);
  failure = new TypeError("not known");
  assertThrows(serve, TypeError, "not known");
  assertEquals(calls, [["close"], ["tryClose", 7]]);
  const takeStream = () => {
    throw failure;
  };
  const untaken = internals({ ofTcp: { takeStream } });
  assertThrows(untaken.serve, TypeError, "not known");
  assertEquals(untaken.calls, [["close"]]);
});
