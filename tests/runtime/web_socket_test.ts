// Deno's WebSockets on handles: which shapes are refused, and what becomes of handles.

import process from "node:process";
import { assertEquals, assertThrows } from "@std/assert";
import { streamBinding } from "../../runtime/stream_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import { NoDescriptor, WebSocketBinding } from "../../runtime/web_socket.ts";

type Module = Record<string, unknown>;

const load: (name: string) => Module = Reflect.get(process, "binding");
await streamBinding();
const internals = () => ({ core: { tryClose() {} } });

const REQUEST = () =>
  new Request("http://here/", {
    headers: {
      ...{ connection: "Upgrade", upgrade: "websocket" },
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });

/** Runs with another `Deno.upgradeWebSocket()`. */
function withUpgrade(
  upgradeWebSocket: unknown,
  run: () => unknown,
): void {
  const { upgradeWebSocket: real } = Deno;
  try {
    Object.assign(Deno, { upgradeWebSocket });
    run();
  } finally {
    Object.assign(Deno, { upgradeWebSocket: real });
  }
}

const { upgradeWebSocket } = Deno;
const OTHER_UPGRADES: Record<string, unknown> = {
  "is not there": undefined,
  throws() {
    throw new Error("no");
  },
  "ignores the socket": (request: Request) => upgradeWebSocket(request),
  "writes another head": (request: Request, options: { socket: Deno.Conn }) => {
    (options.socket as unknown as { write(text: string): void }).write("hello");
    return { ...upgradeWebSocket(request) };
  },
};
for (const [what, other] of Object.entries(OTHER_UPGRADES)) {
  Deno.test(`validation of WebSockets refuses: Deno.upgradeWebSocket() ${what}`, () => {
    withUpgrade(other, () => {
      assertThrows(() => new WebSocketBinding(load, internals()), Error);
    });
  });
}

const tcp = load("tcp_wrap");
const OTHER_SHAPES: Record<string, [unknown, unknown]> = {
  "no TCP": [{ ...tcp, TCP: undefined }, internals()],
  "a TCP without methods": [{ ...tcp, TCP: class {} }, internals()],
  "no roles": [{ ...tcp, constants: {} }, internals()],
  "no core": [tcp, {}],
  "no tryClose": [tcp, { core: {} }],
};
for (const [what, [module, inner]] of Object.entries(OTHER_SHAPES)) {
  Deno.test(`validation of WebSockets refuses: ${what}`, () => {
    assertThrows(() => new WebSocketBinding(() => module, inner), Error);
  });
}

/** A handle that records what is called. */
function handleOf(methods: Partial<StreamHandle>) {
  const calls: string[] = [];
  const handle = {
    close: () => calls.push("close"),
    readStop: () => calls.push("readStop"),
    ...methods,
  } as unknown as StreamHandle;
  return { handle, calls };
}

const binding = new WebSocketBinding(load, internals());
const upgrade = (handle: StreamHandle, request = REQUEST()) =>
  binding.upgrade(handle, request, new Uint8Array(), {}, () => {});

Deno.test("without a free descriptor, a unix connection is not upgraded", () => {
  const { handle } = handleOf({ fdForIpc: () => -24 });
  assertThrows(() => upgrade(handle), NoDescriptor);
});

Deno.test("a handle without a descriptor to copy is an error", () => {
  assertThrows(() => upgrade(handleOf({}).handle), TypeError, "another shape");
});

Deno.test("a request for something else leaves the handle as it is", () => {
  const { handle, calls } = handleOf({ takeStream: () => 1 });
  assertThrows(() => upgrade(handle, new Request("http://here/")), TypeError);
  assertEquals(calls, []);
});

Deno.test("a connection that cannot be taken emits an error", async () => {
  const { handle, calls } = handleOf({
    takeStream() {
      throw new Error("The client has gone");
    },
  });
  const pending = upgrade(handle);
  const failed = new Promise<Event>((resolve) => {
    pending.socket.onerror = resolve;
  });
  pending.open();
  assertEquals(
    (await failed as ErrorEvent).error.message,
    "The client has gone",
  );
  assertEquals(calls, ["readStop"]);
});

Deno.test("a refused upgrade emits an error, and touches no handle", async () => {
  const { handle, calls } = handleOf({ takeStream: () => 1 });
  const pending = upgrade(handle);
  const failed = new Promise<Event>((resolve) => {
    pending.socket.onerror = resolve;
  });
  pending.refuse(new Error("It is refused"));
  assertEquals((await failed as ErrorEvent).error.message, "It is refused");
  assertEquals(calls, []);
});
