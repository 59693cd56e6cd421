// Deno's WebSockets on handles: which shapes are refused, and what becomes of handles.

import process from "node:process";
import { assertEquals, assertThrows } from "@std/assert";
import type { HandledConn } from "../../activation/_conn.ts";
import { streamBinding } from "../../runtime/stream_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import { NoDescriptor, WebSocketBinding } from "../../runtime/web_socket.ts";
import { RefusedRequest } from "../../serve/_handler_result.ts";
import { Upgrade } from "../../serve/_upgrade.ts";

const load: (name: string) => object = Reflect.get(process, "binding");
await streamBinding();
const core = { tryClose() {} };

Deno.test("validation refuses WebSockets of another shape", () => {
  const tcp = load("tcp_wrap");
  for (
    const [what, module, internals] of [
      ["no TCP", { ...tcp, TCP: undefined }, { core }],
      ["a TCP without methods", { ...tcp, TCP: class {} }, { core }],
      ["no roles", { ...tcp, constants: {} }, { core }],
      ["no core", tcp, {}],
      ["no tryClose", tcp, { core: {} }],
    ] as const
  ) {
    const bind = () => new WebSocketBinding(() => module, internals);
    assertThrows(bind, Error, undefined, what);
  }
});

Deno.test("validation refuses another Deno.upgradeWebSocket()", () => {
  const { upgradeWebSocket } = Deno;
  for (
    const [what, other] of Object.entries({
      "none": undefined,
      "one that throws"() {
        throw new Error("no");
      },
      "one that ignores the socket": (request: Request) =>
        upgradeWebSocket(request),
      "one that writes another head"(
        request: Request,
        { socket }: { socket: { write(text: string): void } },
      ) {
        socket.write("hello");
        return { ...upgradeWebSocket(request) };
      },
    })
  ) {
    try {
      Object.assign(Deno, { upgradeWebSocket: other });
      const bind = () => new WebSocketBinding(load, { core });
      assertThrows(bind, Error, undefined, what);
    } finally {
      Object.assign(Deno, { upgradeWebSocket });
    }
  }
});

const HEADERS = {
  ...{ connection: "Upgrade", upgrade: "websocket" },
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Prepares the upgrade of a handle with these methods, and records other calls. */
function upgrade(
  methods: Partial<StreamHandle>,
  headers: HeadersInit = HEADERS,
) {
  const calls: string[] = [];
  const handle = {
    close: () => calls.push("close"),
    readStop: () => calls.push("readStop"),
    ...methods,
  } as unknown as StreamHandle;
  const request = new Request("http://here/", { headers });
  const pending = new WebSocketBinding(load, { core })
    .upgrade(handle, request, new Uint8Array(), {}, () => {});
  const failure = new Promise<string>((resolve) => {
    pending.socket.onerror = (event) =>
      resolve((event as ErrorEvent).error.message);
  });
  return { pending, calls, failure };
}

Deno.test("a handle without a descriptor, or another request, is not upgraded", () => {
  const full = { fdForIpc: () => -24 };
  assertThrows(() => upgrade(full), NoDescriptor);
  const refused = new Upgrade(
    ...[{ handle: full } as unknown as HandledConn, new Uint8Array()] as const,
    ...[new WebSocketBinding(load, { core }), () => {}] as const,
  );
  const request = new Request("http://here/", { headers: HEADERS });
  const error = assertThrows(
    () => refused.prepare(request, {}),
    RefusedRequest,
  );
  assertEquals(error.status, 503);
  assertThrows(() => upgrade({}), TypeError, "another shape");
  const close = () => {
    throw new Error("The handle was closed");
  };
  assertThrows(() => upgrade({ takeStream: () => 1, close }, {}), TypeError);
});

Deno.test("a connection that cannot be taken emits an error", async () => {
  const { pending, calls, failure } = upgrade({
    takeStream() {
      throw new Error("The client has gone");
    },
  });
  pending.open();
  assertEquals(await failure, "The client has gone");
  assertEquals(calls, ["readStop"]);
});

Deno.test("a refused upgrade emits an error, and touches no handle", async () => {
  const { pending, calls, failure } = upgrade({ takeStream: () => 1 });
  pending.refuse(new Error("It is refused"));
  assertEquals(await failure, "It is refused");
  assertEquals(calls, []);
});
