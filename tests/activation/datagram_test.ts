// UDP sockets: one suite for Deno's own and for adopted ones, and what only adopted
// ones have.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UdpDatagramConn } from "../../activation/_datagram_conn.ts";
import type { SocketName } from "../../runtime/stream_handle.ts";
import type { UdpHandle } from "../../runtime/udp_handle.ts";
import {
  activate,
  type Activated,
  type ActivateOptions,
  ALLOW_ACTIVATION,
  freePorts,
  hostAndPort,
} from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { HAS_IPV6, tcpAddress } from "../support/test_server.ts";
import { CASES } from "./datagram_suite.ts";

const HOSTS = ["127.0.0.1", ...(HAS_IPV6 ? ["::1"] : [])];

const own = (hostname: string) =>
  Deno.listenDatagram({ transport: "udp", hostname, port: 0 });

for (const hostname of HOSTS) {
  for (const { name, run } of CASES) {
    Deno.test(`Deno.listenDatagram, ${hostname}: ${name}`, async () => {
      const [conn, peer] = [own(hostname), own(hostname)];
      try {
        await run(conn, peer);
      } finally {
        for (const each of [conn, peer]) {
          try {
            each.close();
          } catch {
            // The case has closed it.
          }
        }
      }
    });
  }
  Deno.test(`adopted, UDP, ${hostname}`, async (t) => {
    await runActivated(t, {
      addresses: freePorts(hostname, CASES.length + 1)
        .map((port) => tcpAddress(hostname, port)),
      module: "tests/activation/datagram_suite_program.ts",
      allow: ["--allow-all"],
      options: ["--datagram"],
      start: (address) => sendFrom(address, Uint8Array.of(1)),
    });
  });
}

/** Starts a behaviour of the program by a datagram to a socket named "echo". */
async function start(
  behaviour: string,
  options: Partial<ActivateOptions> = {},
): Promise<{ program: Activated; peer: Peer }> {
  const program = await activate({
    kind: "IPv4",
    names: "echo",
    module: "tests/activation/datagram_program.ts",
    allow: ["--allow-all"],
    args: [behaviour],
    ...options,
    options: ["--datagram"],
  });
  return { program, peer: await sendFrom(program.address, Uint8Array.of(0)) };
}

/** A socket of this process, and the address that it sends to. */
class Peer implements Disposable {
  readonly #socket: Deno.DatagramConn;
  readonly #to: Deno.NetAddr;

  constructor(address: string) {
    const { hostname, port } = hostAndPort(address)!;
    this.#socket = own(hostname);
    this.#to = { hostname, port, transport: "udp" as "tcp" };
  }

  send(bytes: Uint8Array): Promise<number> {
    return this.#socket.send(bytes, this.#to);
  }

  async receive(): Promise<Uint8Array> {
    const [bytes] = await soon(
      "a datagram comes back",
      this.#socket.receive(),
    );
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

async function sendFrom(address: string, bytes: Uint8Array): Promise<Peer> {
  const peer = new Peer(address);
  await peer.send(bytes);
  return peer;
}

Deno.test("10,000 datagrams are echoed in order, none is lost", async () => {
  const { program, peer } = await start("echo");
  await using _program = program;
  using _peer = peer;
  assertEquals(await peer.receive(), Uint8Array.of(0));
  // Fewer at a time than the kernel queues.
  const batch = 100;
  for (let first = 0; first < 10_000; first += batch) {
    for (let i = first; i < first + batch; i++) {
      await peer.send(new Uint8Array(Uint32Array.of(i).buffer));
    }
    for (let i = first; i < first + batch; i++) {
      const bytes = await peer.receive();
      assertEquals(new Uint32Array(bytes.slice().buffer)[0], i);
    }
  }
});

for (const error of ["ENOMEM", "ECONNREFUSED"]) {
  Deno.test(`receiving continues after ${error}, and nothing is lost`, async () => {
    using directory = new TempDir();
    const log = directory.join("strace");
    const { program, peer } = await start("echo", {
      wrapper: [
        // Without -f, which would also fail the thread that waits for signals.
        ...["strace", "-D", `--output=${log}`],
        ...["--trace=recvfrom", `--inject=recvfrom:error=${error}:when=2`],
      ],
    });
    await using _program = program;
    using _peer = peer;
    const wasInjected = async () =>
      (await Deno.readTextFile(log)).includes("(INJECTED)");
    assertEquals(await peer.receive(), Uint8Array.of(0));
    for (let i = 1; !(await wasInjected()); i++) {
      assert(i < 100, `${error} was not injected`);
      await peer.send(Uint8Array.of(i));
      assertEquals(await peer.receive(), Uint8Array.of(i));
    }
    await peer.send(Uint8Array.of(200));
    assertEquals(await peer.receive(), Uint8Array.of(200));
  });
}

/** A handle that does nothing. */
function handleAt(address: SocketName): UdpHandle {
  return {
    onmessage() {},
    open: () => 0,
    recvStart: () => 0,
    recvStop: () => 0,
    send: () => 0,
    getsockname: (into) => (Object.assign(into, address), 0),
    close() {},
    ref() {},
    unref() {},
  };
}

Deno.test("receiving that fails again and again is tried again, later", async () => {
  let starts = 0;
  const from = { address: "127.0.0.1", port: 1 };
  const handle: UdpHandle = {
    ...handleAt(from),
    recvStart() {
      starts++;
      queueMicrotask(() =>
        starts < 4
          ? handle.onmessage(-1, handle)
          : handle.onmessage(1, handle, Uint8Array.of(7), from)
      );
      return 0;
    },
  };
  using conn = new UdpDatagramConn(handle, () => {});
  const receiving = conn.receive();
  assertEquals(starts, 1);
  const [bytes] = await soon("a datagram is received", receiving);
  assertEquals([bytes, starts], [Uint8Array.of(7), 4]);
});

const SENDS: [result: string, send: UdpHandle["send"], isSent: boolean][] = [
  ["null", (request) => (request.oncomplete(null, 3), 0), true],
  ["0, as in Node.js", (request) => (request.oncomplete(0, 3), 0), true],
  ["an error", (request) => (request.oncomplete(-1), 0), false],
  ["an error at once", () => -1, false],
  ["success at once", () => 4, true],
];
for (const [result, send, isSent] of SENDS) {
  Deno.test(`a send that ends with ${result} ${isSent ? "resolves" : "rejects"}`, async () => {
    const from = { address: "127.0.0.1", port: 1 };
    using conn = new UdpDatagramConn({
      ...handleAt(from),
      send,
    }, () => {});
    const to = { transport: "udp", hostname: "127.0.0.1", port: 1 } as const;
    const sending = conn.send(new Uint8Array(3), to);
    if (isSent) assertEquals(await soon("the send ends", sending), 3);
    else await assertRejects(() => soon("the send ends", sending));
  });
}

Deno.test("a claimed UDP socket receives without a permission, and names the one for sending", async () => {
  const { program, peer } = await start("claims", {
    allow: [ALLOW_ACTIVATION],
  });
  await using _program = program;
  using _peer = peer;
  await program.exits(0);
  const [received, refused] = program.stdout.seen;
  assertEquals(received, "received 1");
  assertMatch(
    refused!,
    /^NotCapable: Requires net access to "127\.0\.0\.1:[0-9]+", run again with the --allow-net flag$/,
  );
});

Deno.test("several receives may be pending, and an unreferenced one lets the process end", async () => {
  const { program, peer } = await start("pending");
  await using _program = program;
  using _peer = peer;
  await peer.send(Uint8Array.of(1));
  await program.stdout.line("ends");
  assertEquals(program.stdout.seen, ["0", "1", "ends"]);
  await program.exits(0);
});

const REFUSED = [
  ["unix path", "unix"],
  ["IPv4", "tcp"],
] as const;
for (const [kind, transport] of REFUSED) {
  Deno.test(`a listening socket, ${kind}, is refused, and can still be adopted`, async () => {
    await using program = await activate({
      kind,
      names: "echo",
      module: "tests/activation/datagram_program.ts",
      args: ["refused"],
    });
    using _conn = await program.dial();
    const problem = `it is a ${transport === "tcp" ? "TCP" : transport} socket`;
    assertEquals(await program.end(), [
      `wrong-kind: Cannot receive on fd 3 "echo": ${problem}; use ListenDatagram= with a UDP port`,
      'wrong-name: Cannot take the socket "other": it was not passed (passed: 3 "echo"); set FileDescriptorName=other in the socket unit',
      transport,
    ]);
  });
}

Deno.test("a datagram socket of unix is refused", async () => {
  await using program = await activate({
    names: "echo",
    module: "tests/activation/datagram_program.ts",
    args: ["echo"],
    options: ["--datagram"],
  });
  using directory = new TempDir();
  const sender = Deno.listenDatagram({
    transport: "unixpacket",
    path: directory.join("sender"),
  });
  await sender.send(new Uint8Array(1), {
    transport: "unixpacket",
    path: program.address,
  });
  sender.close();
  assertEquals(await program.end(), [
    'wrong-kind: Cannot receive on fd 3 "echo": it is no UDP socket; use ListenDatagram= with a UDP port',
  ]);
});

Deno.test("without the runtime's handle, the error names the missing API", async () => {
  const { program, peer } = await start("echo", {
    allow: [
      "--allow-all",
      `--preload=${REPOSITORY}tests/activation/without_handles.ts`,
    ],
  });
  await using _program = program;
  using _peer = peer;
  assertEquals(await program.end(), [
    "unsupported: Cannot adopt a UDP socket: this Deno has no handle for it, and no documented API; use another release",
  ]);
});
