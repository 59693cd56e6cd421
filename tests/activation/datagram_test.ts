// UDP sockets: one suite for Deno's own and for adopted ones, and what only adopted
// ones have.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UdpDatagramConn } from "../../activation/_datagram_conn.ts";
import type { UdpHandle } from "../../runtime/udp_handle.ts";
import {
  activate,
  ALLOW_ACTIVATION,
  freeTcpAddresses,
  HAS_IPV6,
  hostAndPort,
  printed,
  WITHOUT_HANDLES,
} from "../support/activate.ts";
import { runActivated } from "../support/activated_suite.ts";
import { soon } from "../support/eventually.ts";
import { TempDir } from "../support/temp_dir.ts";
import { CASES } from "./datagram_suite.ts";

const HOSTS = ["127.0.0.1", ...(HAS_IPV6 ? ["::1"] : [])];

function own(hostname: string): Deno.DatagramConn & Disposable {
  const conn = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  return Object.assign(conn, {
    [Symbol.dispose]() {
      try {
        conn.close();
      } catch {
        // The case has closed it.
      }
    },
  });
}

for (const hostname of HOSTS) {
  for (const { name, run } of CASES) {
    Deno.test(`Deno.listenDatagram, ${hostname}: ${name}`, async () => {
      using conn = own(hostname);
      using peer = own(hostname);
      await run(conn, peer);
    });
  }
  Deno.test(`adopted, UDP, ${hostname}`, async (t) => {
    await runActivated(t, {
      addresses: freeTcpAddresses(hostname, CASES.length + 1),
      module: "tests/activation/datagram_suite.ts",
      allow: ["--allow-all"],
      options: ["--datagram"],
      start: async (address) => {
        const peer = own(hostname);
        await peer.send(Uint8Array.of(1), addrOf(address));
        return peer;
      },
    });
  });
}

const addrOf = (address: string) =>
  ({ ...hostAndPort(address)!, transport: "udp" }) as const;

async function echoing(wrapper: string[] = []) {
  const program = await activate({
    kind: "IPv4",
    allow: [ALLOW_ACTIVATION, "--allow-net"],
    script: `using socket = await listenDatagram(3);
      for await (const [bytes, from] of socket) await socket.send(bytes, from);`,
    options: ["--datagram"],
    wrapper,
  });
  const peer = own("127.0.0.1");
  return {
    send: (i: number) => peer.send(Uint8Array.of(i), addrOf(program.address)),
    async receive() {
      return (await soon("it comes back", peer.receive()))[0][0];
    },
    async [Symbol.asyncDispose]() {
      peer.close();
      await program[Symbol.asyncDispose]();
    },
  };
}

for (const error of ["ENOMEM", "ECONNREFUSED"]) {
  Deno.test(`receiving continues after ${error}, and nothing is lost`, async () => {
    using directory = new TempDir();
    const log = directory.join("strace");
    await using echo = await echoing([
      // Without -f, which would also fail the thread that waits for signals.
      ...["strace", "-D", `--output=${log}`],
      ...["--trace=recvfrom", `--inject=recvfrom:error=${error}:when=2`],
    ]);
    let wasInjected = false;
    for (let i = 0; !wasInjected; i++) {
      assert(i < 100, `${error} was not injected`);
      wasInjected = i > 0 &&
        (await Deno.readTextFile(log)).includes("(INJECTED)");
      await echo.send(i);
      assertEquals(await echo.receive(), i);
    }
  });
}

const FROM = { address: "127.0.0.1", port: 1 };

const handleWith = (methods: Partial<UdpHandle>): UdpHandle => ({
  onmessage() {},
  open: () => 0,
  recvStart: () => 0,
  recvStop: () => 0,
  send: () => 0,
  getsockname: (into) => (Object.assign(into, FROM), 0),
  close() {},
  ref() {},
  unref() {},
  ...methods,
});

Deno.test("a failed receive is retried at once, and then after a pause", async () => {
  let starts = 0;
  const handle = handleWith({
    recvStart() {
      starts++;
      queueMicrotask(() =>
        starts < 3
          ? handle.onmessage(-1, handle)
          : handle.onmessage(1, handle, Uint8Array.of(7), FROM)
      );
      return 0;
    },
  });
  using conn = new UdpDatagramConn(handle, () => {});
  const receiving = soon("a datagram is received", conn.receive());
  // The first retry needs no pause.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(starts, 2);
  const [bytes] = await receiving;
  assertEquals([bytes, starts], [Uint8Array.of(7), 3]);
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
    using conn = new UdpDatagramConn(handleWith({ send }), () => {});
    const to = { transport: "udp", hostname: "127.0.0.1", port: 1 } as const;
    const sending = soon("the send ends", conn.send(new Uint8Array(3), to));
    if (isSent) assertEquals(await sending, 3);
    else await assertRejects(() => sending);
  });
}

Deno.test("a claimed UDP socket receives without a permission, and names the one for sending", async () => {
  const [received, refused] = await printed(
    "udp=echo",
    `using sockets = await claim({ echo: "udp" });
    const [bytes, from] = await sockets.echo.receive();
    console.log(bytes.length);
    await sockets.echo.send(bytes, from).catch((error) => console.log(\`\${error}\`));`,
  );
  assertEquals(received, "1");
  assertMatch(
    refused!,
    /^NotCapable: Requires net access to "127\.0\.0\.1:[0-9]+", run again with the --allow-net flag$/,
  );
});

Deno.test("several receives may be pending, and an unreferenced one lets the process end", async () => {
  const lines = await printed(
    "udp=echo",
    `const socket = await listenDatagram(3);
    const both = [socket.receive(), socket.receive()];
    await socket.send(Uint8Array.of(1), socket.addr);
    for (const [bytes] of await Promise.all(both)) console.log(\`\${bytes}\`);
    void socket.receive();
    socket.unref();`,
    ["--allow-net"],
  );
  assertEquals(lines, [`${"x".charCodeAt(0)}`, "1"]);
});

Deno.test("other sockets are refused, and can still be adopted", async () => {
  const problems = {
    "unix": "it is a unix socket",
    "tcp": "it is a TCP socket",
    "unix-datagram": "it is no UDP socket",
  };
  const kinds = Object.keys(problems);
  assertEquals(
    await printed(
      kinds.map((kind) => `${kind}=${kind}`).join(),
      `for (const fd of [3, 4, 5]) console.log(await failure(listenDatagram(fd)));
      for (const fd of [3, 4]) console.log(await failure(listen(fd)));`,
    ),
    [
      ...Object.entries(problems).map(([kind, problem], i) =>
        `wrong-kind: Cannot receive on fd ${
          3 + i
        } "${kind}": ${problem}; use ListenDatagram= with a UDP port`
      ),
      ...["adopted", "adopted"],
    ],
  );
});

Deno.test("without the runtime's handle, the error names the missing API", async () => {
  const script = "console.log(await failure(listenDatagram(3)));";
  assertEquals(await printed("udp=echo", script, [WITHOUT_HANDLES]), [
    "unsupported: Cannot adopt a UDP socket: this Deno has no handle for it, and no documented API; use another release",
  ]);
});
