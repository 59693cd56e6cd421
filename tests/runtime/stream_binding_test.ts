import process from "node:process";
import { assertEquals, assertThrows } from "@std/assert";
import { adoptedConn } from "../../activation/_conn.ts";
import { HandleTransport } from "../../activation/_handle_transport.ts";
import { RefusedFdError } from "../../runtime/refused_fd.ts";
import { StreamBinding, streamBinding } from "../../runtime/stream_binding.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import { openUdp, type UdpHandles } from "../../runtime/udp_handle.ts";

import { TempDir } from "../support/temp_dir.ts";

type Module = Record<string, unknown>;

const load: (name: string) => Module = Reflect.get(process, "binding");

/** Loads the modules of the runtime, one of them changed. */
function loadWith(module: string, changed: (real: Module) => Module) {
  return (name: string) =>
    name === module ? { ...load(name), ...changed(load(name)) } : load(name);
}

const OTHER_SHAPES: [string, (name: string) => Module][] = [
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
    "no setupListenWrap",
    loadWith("pipe_wrap", () => ({ setupListenWrap: undefined })),
  ],
  [
    "a state of floats",
    loadWith("stream_wrap", () => ({ streamBaseState: new Float64Array(5) })),
  ],
  [
    "no guessHandleType",
    loadWith("util", () => ({ guessHandleType: undefined })),
  ],
  ["no errname", loadWith("uv", () => ({ errname: undefined }))],
  ["no UV_EOF", loadWith("uv", () => ({ UV_EOF: undefined }))],
  ["no ENOTSOCK", loadWith("uv", () => ({ UV_ENOTSOCK: undefined }))],
  ["a positive EINVAL", loadWith("uv", () => ({ UV_EINVAL: 22 }))],
  [
    "no index of the outcome",
    loadWith("stream_wrap", () => ({ kReadBytesOrError: undefined })),
  ],
  [
    "an index behind the state",
    loadWith("stream_wrap", () => ({ kLastWriteWasAsync: 99 })),
  ],
  [
    "the same index twice",
    loadWith("stream_wrap", () => ({ kLastWriteWasAsync: 0 })),
  ],
];

for (const [what, loadOther] of OTHER_SHAPES) {
  Deno.test(`validation refuses: ${what}`, () => {
    assertThrows(() => new StreamBinding(loadOther), Error);
  });
}

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
    assertEquals(error.closed, false);
    // No system call returned one.
    assertEquals("code" in error, false);
  }
});

Deno.test("a TCP handle gets its options", async () => {
  const calls: unknown[][] = [];
  const handle = {
    getsockname: (into: Module) => (Object.assign(into, { port: 1 }), 0),
    getpeername: (into: Module) => (Object.assign(into, { port: 2 }), 0),
    setNoDelay: (...args: unknown[]) => calls.push(["noDelay", ...args]),
    setKeepAlive: (...args: unknown[]) => calls.push(["keepAlive", ...args]),
  };
  const conn = adoptedConn(
    new HandleTransport(
      (await streamBinding())!,
      handle as unknown as StreamHandle,
    ),
  ) as Deno.TcpConn;
  conn.setNoDelay();
  conn.setNoDelay(false);
  conn.setKeepAlive();
  conn.setKeepAlive(false);
  assertEquals(calls, [
    ["noDelay", true],
    ["noDelay", false],
    ["keepAlive", true, 0],
    ["keepAlive", false, 0],
  ]);
});

Deno.test("a port that is in use is not taken, nor another in its place", async () => {
  const binding = (await streamBinding())!;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const hostname = "127.0.0.1";
  assertEquals(binding.bind({ hostname, port }, 1, () => {}), undefined);
  // Numbers that `bind` would reduce to 16 bits: to a free port.
  for (const other of [port + 0x1_0000, -1, 0.5, NaN]) {
    assertEquals(
      binding.bind({ hostname, port: other }, 1, () => {}),
      undefined,
    );
  }
});

Deno.test("a path that is in use is not taken, and stays", async () => {
  const binding = (await streamBinding())!;
  using directory = new TempDir();
  const path = directory.join("a.socket");
  using _listener = Deno.listen({ transport: "unix", path });
  assertEquals(binding.bind({ path }, 1, () => {}), undefined);
  assertEquals(Deno.statSync(path).isSocket, true);
});

Deno.test("a UDP socket has no kind in Deno 2.9, and that of Node.js one day", () => {
  for (const kind of ["UNKNOWN", "UDP"]) {
    const streams = new StreamBinding(
      loadWith("util", () => ({ guessHandleType: () => kind })),
    );
    assertEquals(streams.mayBe(3, "udp"), true);
    assertEquals(streams.mayBe(3, "stream"), false);
    assertThrows(() => streams.expectStreamSocket(3), RefusedFdError);
    const UDP = class {
      open = () => 0;
    } as unknown as UdpHandles["UDP"];
    assertEquals(openUdp({ streams, UDP }, 3) instanceof UDP, true);
  }
});
