import process from "node:process";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { adoptedConn } from "../../activation/_conn.ts";
import { HandleTransport } from "../../activation/_handle_transport.ts";
import { RefusedFdError } from "../../runtime/refused_fd.ts";
import { StreamBinding, streamBinding } from "../../runtime/stream_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import {
  openUdp,
  type UdpHandles,
  udpHandles,
} from "../../runtime/udp_handle.ts";

const load: (name: string) => object = Reflect.get(process, "binding");

/** The handles of a runtime that has one other module. */
const withOther = (module: string, changes: object) =>
  new StreamBinding((name) =>
    name === module ? { ...load(name), ...changes } : load(name)
  );

Deno.test("validation refuses stream handles of another shape", () => {
  const shapes: [module: string, changes: object][] = [
    ["pipe_wrap", { Pipe: undefined }],
    ["pipe_wrap", { setupListenWrap: undefined }],
    ["tcp_wrap", { TCP: class {} }],
    ["tcp_wrap", { constants: {} }],
    ["stream_wrap", { streamBaseState: new Float64Array(5) }],
    ["stream_wrap", { kReadBytesOrError: undefined }],
    ["stream_wrap", { kLastWriteWasAsync: 99 }],
    // The index of another value.
    ["stream_wrap", { kLastWriteWasAsync: 0 }],
    ["util", { guessHandleType: undefined }],
    ["uv", { errname: undefined }],
    ["uv", { UV_EOF: undefined }],
    ["uv", { UV_ENOTSOCK: undefined }],
    ["uv", { UV_EINVAL: 22 }],
  ];
  for (const [module, changes] of shapes) {
    const what = `${module}: ${Deno.inspect(changes)}`;
    assertThrows(() => withOther(module, changes), Error, undefined, what);
  }
});

Deno.test("a descriptor of another kind is not opened and stays open", async () => {
  const binding = (await streamBinding())!;
  for (
    const open of [
      () => binding.listen(1_000_000, 128, () => {}),
      () => binding.connect(1_000_000, 128),
      () => binding.expectStreamSocket(1_000_000),
    ]
  ) {
    const error = assertThrows(open, RefusedFdError, "not open at all");
    // No system call returned a code.
    assertEquals([error.closed, "code" in error], [false, false]);
  }
});

Deno.test("a TCP handle gets its options", async () => {
  const calls: unknown[][] = [];
  const handle = {
    getsockname: (into: object) => (Object.assign(into, { port: 1 }), 0),
    getpeername: (into: object) => (Object.assign(into, { port: 2 }), 0),
    setNoDelay: (...args: unknown[]) => calls.push(["noDelay", ...args]),
    setKeepAlive: (...args: unknown[]) => calls.push(["keepAlive", ...args]),
  } as unknown as StreamHandle;
  const conn = adoptedConn(
    new HandleTransport((await streamBinding())!, handle),
  ) as Deno.TcpConn;
  conn.setNoDelay();
  conn.setNoDelay(false);
  conn.setKeepAlive();
  conn.setKeepAlive(false);
  assertEquals(calls, [
    ...[["noDelay", true], ["noDelay", false]],
    ...[["keepAlive", true, 0], ["keepAlive", false, 0]],
  ]);
});

Deno.test("a UDP socket has no kind in Deno 2.9, and that of Node.js one day", () => {
  for (const kind of ["UNKNOWN", "UDP"]) {
    const streams = withOther("util", { guessHandleType: () => kind });
    assertEquals(streams.mayBe(3, "udp"), true);
    assertEquals(streams.mayBe(3, "stream"), false);
    assertThrows(() => streams.expectStreamSocket(3), RefusedFdError);
    const UDP = class {
      open = () => 0;
    } as unknown as UdpHandles["UDP"];
    assertInstanceOf(openUdp({ streams, UDP }, 3), UDP);
  }
});

Deno.test("UDP handles of another shape are not used", async () => {
  await streamBinding();
  const { UDP } = load("udp_wrap") as UdpHandles;
  class WithoutStop extends UDP {}
  Object.assign(WithoutStop.prototype, { recvStop: undefined });
  const shapes = [undefined, {}, { UDP: class {} }, { UDP: WithoutStop }];
  try {
    for (const shape of shapes) {
      Reflect.set(process, "binding", () => shape);
      assertEquals(await udpHandles(), undefined, Deno.inspect(shape));
    }
  } finally {
    Reflect.set(process, "binding", load);
  }
  assertEquals((await udpHandles())?.UDP, UDP);
});
