// Deno's own HTTP server: which shapes are refused, and what a connection calls.

import { assertEquals, assertThrows } from "@std/assert";
import { HttpBinding } from "../../runtime/http_binding.ts";

const RID = Symbol("rid");

/** Internals of the known shape, and the calls of their functions. */
function internals({ newServerIs = "http", refuses = false } = {}) {
  const calls: unknown[][] = [];
  const log = (name: string) => (...args: unknown[]) => {
    calls.push([name, ...args]);
  };
  const real = {
    serveHttpOnConnection(connection: Record<symbol, number>) {
      if (refuses) throw new Error("The peer has gone");
      calls.push(["serve", connection[RID]]);
      return {
        ...{ finished: Promise.resolve(), shutdown: log("shutdown") },
        ...{ ref: log("ref"), unref: log("unref") },
      };
    },
    core: {
      internalRidSymbol: RID,
      resources: () => ({ 8: newServerIs }),
      tryClose: log("tryClose"),
      ops: {
        op_http_cancel(...args: unknown[]) {
          calls.push(["cancel", ...args]);
          throw new Deno.errors.BadResource("It is closed");
        },
      },
    },
  };
  return { calls, real };
}

const serve = (real: unknown) =>
  new HttpBinding(real).serve(7, () => new Response(), () => new Response());

const OTHER_SHAPES: Record<
  string,
  (real: ReturnType<typeof internals>["real"]) => unknown
> = {
  "nothing": () => undefined,
  "no server": (real) => ({ ...real, serveHttpOnConnection: undefined }),
  "no core": (real) => ({ ...real, core: undefined }),
  "no symbol": (real) => ({
    ...real,
    core: { ...real.core, internalRidSymbol: "rid" },
  }),
  "no resources": (real) => ({
    ...real,
    core: { ...real.core, resources: undefined },
  }),
  "no tryClose": (real) => ({
    ...real,
    core: { ...real.core, tryClose: undefined },
  }),
  "no cancel": (real) => ({ ...real, core: { ...real.core, ops: {} } }),
};
for (const [what, change] of Object.entries(OTHER_SHAPES)) {
  Deno.test(`validation of the HTTP server refuses: ${what}`, () => {
    assertThrows(() => new HttpBinding(change(internals().real)), TypeError);
  });
}

Deno.test("a connection is drained and aborted by its server's resource", async () => {
  const { calls, real } = internals();
  const connection = serve(real);
  connection.drain();
  connection.abort();
  connection.unref();
  connection.ref();
  await connection.finished;
  assertEquals(calls, [
    ...[["serve", 7], ["cancel", 8, true], ["cancel", 8, false]],
    ...[["unref"], ["ref"]],
  ]);
});

Deno.test("a connection is drained by shutdown() when that resource is unknown", () => {
  const { calls, real } = internals({ newServerIs: "tcpStream" });
  serve(real).drain();
  assertEquals(calls, [["serve", 7], ["shutdown"]]);
});

Deno.test("a connection whose peer has gone is closed", () => {
  const { calls, real } = internals({ refuses: true });
  assertThrows(() => serve(real), Error, "gone");
  assertEquals(calls, [["tryClose", 7]]);
});
