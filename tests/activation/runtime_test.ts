import process from "node:process";
import { assertEquals, assertThrows } from "@std/assert";
import {
  adoptedConn,
  type AdoptedTcpConn,
} from "../../activation/adopted_conn.ts";
import { HandleTransport } from "../../activation/handle_transport.ts";
import {
  RefusedFd,
  StreamBinding,
  streamBinding,
  type StreamHandle,
} from "../../activation/_runtime.ts";

type Module = Record<string, unknown>;

const load: (name: string) => Module = Reflect.get(process, "binding");

/** Loads what the runtime has, but for one thing in one module. */
function loadWith(module: string, changed: (real: Module) => Module) {
  return (name: string) =>
    name === module ? { ...load(name), ...changed(load(name)) } : load(name);
}

const OTHER_FORMS: [string, (name: string) => Module][] = [
  [
    "no such module",
    () => {
      throw new Error("No such module");
    },
  ],
  ["no Pipe", loadWith("pipe_wrap", () => ({ Pipe: undefined }))],
  ["a TCP without methods", loadWith("tcp_wrap", () => ({ TCP: class {} }))],
  ["no roles", loadWith("tcp_wrap", () => ({ constants: {} }))],
  [
    "no way to accept",
    loadWith("pipe_wrap", () => ({ setupListenWrap: undefined })),
  ],
  [
    "a state of floats",
    loadWith("stream_wrap", () => ({ streamBaseState: new Float64Array(5) })),
  ],
  ["no kinds", loadWith("util", () => ({ guessHandleType: undefined }))],
  ["no names of errors", loadWith("uv", () => ({ errname: undefined }))],
  ["no number of the end", loadWith("uv", () => ({ UV_EOF: undefined }))],
  ["no ENOTSOCK", loadWith("uv", () => ({ UV_ENOTSOCK: undefined }))],
  ["a positive EINVAL", loadWith("uv", () => ({ UV_EINVAL: 22 }))],
  [
    "no place of the outcome",
    loadWith("stream_wrap", () => ({ kReadBytesOrError: undefined })),
  ],
  [
    "a place behind the state",
    loadWith("stream_wrap", () => ({ kLastWriteWasAsync: 99 })),
  ],
  [
    "one place for two things",
    loadWith("stream_wrap", () => ({ kLastWriteWasAsync: 0 })),
  ],
];

for (const [what, loadOther] of OTHER_FORMS) {
  Deno.test(`handles of another form are not used: ${what}`, () => {
    assertThrows(() => new StreamBinding(loadOther), Error);
  });
}

Deno.test("what is no stream socket is not opened, and keeps its descriptor", async () => {
  const binding = (await streamBinding())!;
  for (
    const open of [
      () => binding.listen(1_000_000, 128, () => {}),
      () => binding.connect(1_000_000, 128),
      () => binding.expectStreamSocket(1_000_000),
    ]
  ) {
    const error = assertThrows(open, RefusedFd, "not open at all");
    assertEquals(error.closed, false);
    // No system call returned one.
    assertEquals("code" in error, false);
  }
});

Deno.test("a TCP handle is told of its options", async () => {
  const told: unknown[][] = [];
  const handle = {
    getsockname: (into: Module) => (Object.assign(into, { port: 1 }), 0),
    getpeername: (into: Module) => (Object.assign(into, { port: 2 }), 0),
    setNoDelay: (...args: unknown[]) => told.push(["noDelay", ...args]),
    setKeepAlive: (...args: unknown[]) => told.push(["keepAlive", ...args]),
  };
  const conn = adoptedConn(
    new HandleTransport(
      (await streamBinding())!,
      handle as unknown as StreamHandle,
    ),
  ) as AdoptedTcpConn;
  conn.setNoDelay();
  conn.setNoDelay(false);
  conn.setKeepAlive();
  conn.setKeepAlive(false);
  assertEquals(told, [
    ["noDelay", true],
    ["noDelay", false],
    ["keepAlive", true, 0],
    ["keepAlive", false, 0],
  ]);
});
