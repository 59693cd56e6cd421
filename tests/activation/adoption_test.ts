// Passed descriptors: which are adopted, which are refused with which error, and which
// stay open.

import { assertEquals } from "@std/assert";
import {
  activate,
  type ActivateOptions,
  ALLOW_ACTIVATION,
  FAILURE,
  KINDS,
  listenFor,
  printed,
  WITHOUT_HANDLES,
} from "../support/activate.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { scriptCommand } from "../support/script.ts";

const FILE = "it is a file or a device";
const NEITHER =
  "it is a datagram, sequential packet or vsock socket, or not open at all";
const OTHERS = {
  ...{ "udp": NEITHER, "unix-datagram": NEITHER, "seqpacket": NEITHER },
  ...{ "seqpacket-connection": NEITHER, "directory": NEITHER },
  ...{ "closed": NEITHER, "file": FILE, "device": FILE },
  ...{ "terminal": "it is a terminal", "fifo": "it is a FIFO or a pipe" },
};
const notListened = (fd: string, problem: string) =>
  `wrong-kind: Cannot listen on fd ${fd}: ${problem}; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no`;

/** The kinds that each call refuses, its message, and the reason without handles. */
const CALLS = {
  listen: [
    { connection: "it is a unix connection", reset: "it is a TCP connection" },
    notListened,
    "it is not a listening stream socket",
  ],
  connection: [
    {
      unix: "it is a unix socket that listens",
      tcp: "it is a TCP socket that listens",
    },
    (fd: string, problem: string) =>
      `wrong-kind: Cannot take the connection on fd ${fd}: ${problem}; use Accept=yes with ListenStream=`,
    "it is not a connected stream socket",
  ],
} as const;

for (const flags of [[], [WITHOUT_HANDLES]]) {
  const how = flags.length > 0 ? ", by node:net" : "";

  for (const [call, [own, refusal, unknown]] of Object.entries(CALLS)) {
    Deno.test(`${call}${how}: other descriptors are refused by number, name and kind`, async () => {
      const problems = Object.entries({ ...OTHERS, ...own });
      const passed = problems.map(([kind]) => `${kind}=${kind}`).join();
      const script = `for (const { fd } of listenFds()) {
        console.log(await failure(${call}(fd)));
      }`;
      assertEquals(
        await printed(passed, script, flags),
        problems.map(([kind, problem], i) =>
          refusal(`${3 + i} "${kind}"`, how ? unknown : problem)
        ),
      );
    });
  }

  const start = (script: string, options: Partial<ActivateOptions> = {}) =>
    activate({ script, allow: [ALLOW_ACTIVATION, ...flags], ...options });

  for (const kind of ["unix path", "IPv4"] as const) {
    for (const options of [["--accept"], ["--accept", "--inetd"]]) {
      Deno.test(`connection${how}, ${kind}, ${options}: answers a peer that has half-closed`, async () => {
        await using program = await start(
          `using conn = await connection(listenFds()[0]?.fd ?? 0);
          let received = "";
          for (let chunk; (chunk = await conn.readChunk()) !== null;) {
            received += new TextDecoder().decode(chunk);
          }
          // A socket without half-open mode would be closed by then.
          await new Promise((resolve) => setTimeout(resolve));
          await conn.write(new TextEncoder().encode(\`got \${received}\`));`,
          { kind, options },
        );
        using conn = await program.dial();
        await send(conn, "a question");
        await conn.closeWrite();
        assertEquals(await receiveAllText(conn), "got a question");
        await program.stderr.line(/died with code 0$/);
      });
    }
  }

  Deno.test(`a closed listener${how} leaves the path, and later connections to the next owner`, async () => {
    const [deno, ...args] = scriptCommand(
      `const listener = await listen(3);
      using conn = await listener.accept();
      listener.close();
      console.log("closed");
      for (let chunk; (chunk = await conn.readChunk()) !== null;) {
        console.log(new TextDecoder().decode(chunk));
      }`,
      [ALLOW_ACTIVATION, ...flags],
    );
    // The shell holds the socket, as systemd does, and starts one after the other.
    const twice = `sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@"
      export LISTEN_PID=$$
      exec "$@"`;
    await using program = await listenFor({
      command: ["sh", "-c", twice, "sh", deno!, ...args],
    });
    using first = await program.dial();
    await program.stdout.line("closed");
    assertEquals(Deno.lstatSync(program.address).isSocket, true);
    using second = await program.dial();
    await send(second, "for the next");
    await second.closeWrite();
    await first.closeWrite();
    assertEquals(await program.end(), ["closed", "closed", "for the next"]);
    assertEquals(Deno.lstatSync(program.address).isSocket, true);
  });

  const accepted =
    "const [listener] = await listeners(); (await listener.accept()).close();";
  const idle = [
    "await listeners();",
    `${accepted} listener.unref(); listener.accept();`,
    `${accepted} listener.accept(); listener.unref();`,
  ];
  for (const script of idle) {
    Deno.test(`a listener${how} keeps no process alive after ${script}`, async () => {
      await using program = await start(script);
      using _conn = await program.dial();
      await program.end();
    });
  }

  Deno.test(`listeners() and serve()${how} adopt the listening sockets among others`, async () => {
    const others =
      "file=web,directory=a,terminal=web,udp=a,connection=b,fifo=b";
    const serving = (options: string) =>
      `await using service = await serve(() => new Response(), ${options});
      console.log(service.addrs.map(({ transport }) => transport).join());`;
    const adopting = [
      `console.log((await listeners()).map(({ addr }) => addr.transport).join());`,
      ...[serving("{}"), serving('{ name: "web" }')],
    ];
    for (const script of adopting) {
      const lines = await printed(`${others},unix=web,tcp=web`, script, flags);
      assertEquals(lines, ["unix,tcp"]);
    }
  });
}

Deno.test("listenersByName() returns the listeners of each name in order", async () => {
  const script = `for (const [name, all] of await listenersByName()) {
    console.log(name, ...all.map(({ addr }) => addr.transport));
  }`;
  const lines = await printed("unix=web,tcp=log,tcp=web", script);
  assertEquals(lines, ["web unix tcp", "log tcp"]);
});

Deno.test("a failure of listeners() closes those that were adopted", async () => {
  assertEquals(
    await printed(
      "unix=good,unix=bad",
      `await listen(4);
      console.log(await failure(listeners()));
      console.log(await failure(listen(3)));`,
    ),
    [
      'owned: Cannot adopt fd 4 "bad": it was adopted before, and is open; keep the first listener or connection',
      'closed: Cannot adopt fd 3 "good": it was adopted before, and is closed; restart the service to get it again',
    ],
  );
});

for (const kind of KINDS) {
  Deno.test(`a refused listening socket stays available, with its connections: ${kind}`, async () => {
    await using program = await activate({
      kind,
      script: `${FAILURE}
        console.log((await failure(connection(3))).slice(0, 10));
        await Deno.stdin.read(new Uint8Array(1));
        const listener = await listen(3);
        for (let count = 0; count < 3; count++) {
          using conn = await listener.accept();
          console.log(new TextDecoder().decode(await conn.readChunk()));
        }
        listener.close();
        console.log((await failure(listen(3))).slice(0, 6));`,
    });
    using conns = new DisposableStack();
    const connect = async (text: string) =>
      await send(conns.use(await program.dial()), text);
    await connect("first");
    await program.stdout.line("wrong-kind");
    await connect("second");
    await program.stdin.write(Uint8Array.of(0x0a));
    await connect("third");
    assertEquals(
      await program.end(),
      ["wrong-kind", "first", "second", "third", "closed"],
    );
  });
}

Deno.test("what listen() refuses is taken by another call", async () => {
  assertEquals(
    await printed(
      "connection=stored,udp=log,reset=connection",
      `for (const { fd } of listenFds()) {
        console.log((await failure(listen(fd))).split(":")[0]);
      }
      using conn = await connection(3);
      using log = await listenDatagram("log");
      console.log(await conn.read(new Uint8Array(9)), (await log.receive())[0]);
      using reset = await connection(5);
      await reset.read(new Uint8Array(1)).catch(({ name }) => console.log(name));`,
    ),
    [
      ...Array(3).fill("wrong-kind"),
      "1 Uint8Array(1) [ 120 ]",
      "ConnectionReset",
    ],
  );
});

Deno.test("the kind of a socket chooses between ListenStream= and ListenDatagram= of one unit", async () => {
  for (const kind of ["stream", "udp"]) {
    const script = `using sockets = await claim({ web: "${kind}" });
      console.log(sockets.web.addr.transport);`;
    assertEquals(await printed("udp=web,unix=web,file=web", script), [
      kind === "udp" ? "udp" : "unix",
    ]);
  }
});

Deno.test("a service without any listener is refused, with each reason", async () => {
  const first = notListened('3 "conf"', FILE);
  const second = notListened('4 "stored"', "it is a unix connection")
    .replace("wrong-kind: ", "");
  for (const call of ["listeners()", "serve(() => new Response())"]) {
    const script = `console.log(await failure(${call}));`;
    const both = await printed("file=conf,connection=stored", script);
    assertEquals(await printed("file=conf", script), [first]);
    assertEquals(both, [`${first}; ${second}`]);
  }
});
