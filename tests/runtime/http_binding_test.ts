// Deno's own HTTP server: which shapes are refused, and what a connection calls.

import { assertEquals, assertThrows } from "@std/assert";
import { HttpBinding } from "../../runtime/http_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";

const RID = Symbol("rid");

/** Internals of the known shape, and the calls of their functions. */
function internals(
  { newServerIs = "http", takesSignal = true, refuses }: {
    newServerIs?: string;
    takesSignal?: boolean;
    refuses?: Error;
  } = {},
) {
  const calls: unknown[][] = [];
  const log = (name: string) => (...args: unknown[]) => {
    calls.push([name, ...args]);
  };
  const handle = {
    takeStream: () => 7,
    close: log("close"),
  } as unknown as StreamHandle;
  const real = {
    serveHttpOnConnection(
      connection: Record<symbol, number>,
      signal: AbortSignal,
    ) {
      if (refuses !== undefined) throw refuses;
      if (takesSignal) signal.addEventListener("abort", log("abort"));
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
  const serve = () =>
    new HttpBinding(real).serve(
      handle,
      () => new Response(),
      () => new Response(),
    );
  return { calls, real, serve };
}

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

for (
  const [what, shape] of Object.entries({
    "its resource is unknown": { newServerIs: "tcpStream" },
    "it ignores the signal": { takesSignal: false },
  })
) {
  Deno.test(`a server that cannot be closed is an error: ${what}`, () => {
    const { calls, serve } = internals(shape);
    assertThrows(serve, TypeError, "another shape");
    assertEquals(calls.at(-1), ["tryClose", 8]);
  });
}

Deno.test("a connection whose peer has gone is closed, without an error", () => {
  const { calls, serve } = internals({
    refuses: new Deno.errors.NotConnected("gone"),
  });
  assertEquals(serve(), undefined);
  assertEquals(calls, [["close"], ["tryClose", 7]]);
});

Deno.test("another failure closes the connection, and is an error", () => {
  const { calls, serve } = internals({ refuses: new TypeError("not known") });
  assertThrows(serve, TypeError, "not known");
  assertEquals(calls, [["close"], ["tryClose", 7]]);
});
