import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:net";
import {
  ALLOW_ACTIVATION,
  dial,
  hostAndPort,
  KINDS,
  listenFor,
  type ListenOptions,
} from "../support/activate.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Program, run } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { TempDir } from "../support/temp_dir.ts";
import type { ProgramName } from "./adoption_program.ts";

/** `adoption_with_net_test.ts` imports this module with a query. */
const PRELOAD = import.meta.url.endsWith("?without-handles")
  ? [`--preload=${new URL("./without_handles.ts", import.meta.url).pathname}`]
  : [];

const MODULE = new URL("./adoption_program.ts", import.meta.url).pathname;

function adopting(program: ProgramName, ...permissions: string[]): string[] {
  return [
    ...DENO_RUN,
    ...PRELOAD,
    ALLOW_ACTIVATION,
    ...permissions,
    MODULE,
    program,
  ];
}

/** Options of {@linkcode listenFor}. */
type Options = Omit<ListenOptions, "command">;

/** Listens for one of the programs. */
const listening = (program: ProgramName, options: Options = {}) =>
  listenFor({ names: "job", ...options, command: adopting(program) });

for (const kind of KINDS) {
  Deno.test(`adopting, ${kind}: needs only the permission to read the variables`, async () => {
    await using activated = await listening("echo", { kind });
    using first = await activated.dial();
    assertEquals(await echoOf(first, "first"), "first");
    using second = await activated.dial();
    assertEquals(await echoOf(second, "second"), "second");
    const states = await activated.stdout.line(/^net/);
    assertEquals(states.includes(" granted"), false, states);
    assertEquals(activated.running, true);
  });

  Deno.test(`adopting, ${kind}: a reset by the peer is Deno's ConnectionReset`, async () => {
    await using activated = await listening("be reset", {
      kind,
    });
    await soon("the peer has reset", reset(activated.address));
    assertEquals(await activated.end(), ["ConnectionReset ECONNRESET"]);
  });
}

Deno.test("adopting: a closed listener keeps the path, and new connections wait for the next owner", async () => {
  // The shell holds the socket, as systemd does, and starts one after the other.
  const script = `sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" "take one"
    export LISTEN_PID=$$
    exec "$@" "print received"`;
  const command = adopting("take one").slice(0, -1);
  await using activated = await listenFor({
    names: "job",
    command: [
      ...["sh", "-c", script, "sh"],
      ...command,
    ],
  });
  const path = activated.address;
  using first = await activated.dial();
  await activated.stdout.line("closed");
  assertEquals(Deno.lstatSync(path).isSocket, true);
  using second = await activated.dial();
  await send(second, "for the next");
  await first.closeWrite();
  assertEquals(await activated.end(), ["closed", "received for the next"]);
  assertEquals(Deno.lstatSync(path).isSocket, true);
});

Deno.test("adopting: a for await yields connections accepted before the close", async () => {
  // Starts after all peers have connected.
  const script = 'read -r _; exec "$@"';
  await using activated = await listenFor({
    names: "job",
    command: [
      ...["sh", "-c", script, "sh"],
      ...adopting("close on the first"),
    ],
  });
  using first = await activated.dial();
  using second = await activated.dial();
  using third = await activated.dial();
  for (const [i, conn] of [first, second, third].entries()) {
    await send(conn, `${i}`);
  }
  await activated.type("go\n");
  assertEquals(await activated.end(), [
    "received 0",
    "received 1",
    "received 2",
  ]);
});

const IDLE = [
  "nothing is accepted",
  "an accept follows unref()",
  "unref() follows an accept",
] as const;
for (const program of IDLE) {
  Deno.test(`adopting: a listener keeps no process alive when ${program}`, async () => {
    await using activated = await listening(program);
    using _conn = await activated.dial();
    assertEquals(await activated.end(), ["nothing to do"]);
  });
}

Deno.test("adopting: sockets keep their names and their order", async () => {
  await using activated = await listening("names", {
    sockets: 3,
    names: "web:control:web",
  });
  const conns = await Promise.all(activated.addresses.map(dial));
  assertEquals(
    await Promise.all(conns.map(receiveAllText)),
    ["web 0", "control 0", "web 1"],
  );
  for (const conn of conns) conn.close();
  assertEquals(await activated.end(), [
    "web 2",
    "control 1",
    "3 web, 4 control, 5 web",
  ]);
});

Deno.test("adopting: sockets without names are named 'unknown'", async () => {
  await using activated = await listening("names", { names: undefined });
  using conn = await activated.dial();
  assertEquals(await receiveAllText(conn), "unknown 0");
  assertEquals(await activated.end(), ["unknown 1", "3 unknown"]);
});

Deno.test("adopting all: one failure closes the other listeners", async () => {
  await using activated = await listening("adopt all", {
    sockets: 2,
    names: "good:bad",
  });
  using _conn = await activated.dial();
  const message = await activated.stdout.line(/./);
  assertMatch(
    message,
    /^4 bad: Cannot adopt fd 4 "bad": it was adopted before/,
  );
  assertEquals(activated.running, true);
  const refused = await activated.dial().catch((error) => error);
  assertEquals(refused.name, "ConnectionRefused");
  await activated.endInput();
  await activated.end();
});

const ACCEPTED: [style: string, options: Options, who: string][] = [
  ["Accept=yes", { options: ["--accept"] }, "job 3"],
  ["inetd", { names: undefined, options: ["--accept", "--inetd"] }, "stdin 0"],
];
for (const kind of KINDS) {
  for (const [style, options, who] of ACCEPTED) {
    Deno.test(`connection, ${style}, ${kind}: writes to a peer that has half-closed`, async () => {
      await using activated = await listening("answer after the end", {
        kind,
        ...options,
      });
      using conn = await activated.dial();
      await send(conn, "a question");
      await conn.closeWrite();
      assertEquals(await receiveAllText(conn), `${who} got a question`);
      await activated.stderr.line(/died with code 0$/);
    });
  }
}

Deno.test("connection: reads after a half-close", async () => {
  await using activated = await listening("write first", {
    options: ["--accept"],
  });
  using conn = await activated.dial();
  assertEquals(await receiveAllText(conn), "hello");
  await send(conn, "and you");
  await activated.stderr.line("received and you");
  await activated.stderr.line(/died with code 0$/);
});

Deno.test("connection: carries megabytes both ways at once", async () => {
  await using activated = await listening("stream", {
    options: ["--accept"],
  });
  using conn = await activated.dial();
  const sent = new Random(1).bytes(3_000_000);
  const sending = send(conn, sent).then(() => conn.closeWrite());
  assertSameBytes(await receiveAll(conn), sent);
  await soon("all has been sent", sending);
  await activated.stderr.line(/died with code 0$/);
});

Deno.test("adopting: fd 3 is not touched when nothing is passed", async () => {
  const { stdout, stderr } = await run("sh", [
    ...["-c", 'exec "$@"', "sh"],
    ...adopting("adopt other numbers", "--allow-net"),
    ...["3", "4"],
  ]);
  assertEquals(stderr, "");
  assertEquals(stdout.trimEnd().split("\n"), [
    ...notPassed(3, "none"),
    ...notPassed(4, "none"),
    "works",
  ]);
});

/** The messages of listen() and connection(). */
const notPassed = (fd: number, passed: string) =>
  Array(2).fill(
    `${fd} undefined: Cannot adopt fd ${fd}: it was not passed to this process (passed: ${passed}); start the program from a socket unit`,
  );

Deno.test("adopting: only passed numbers are touched", async () => {
  await using activated = await listenFor({
    names: "job",
    command: [
      ...adopting("adopt other numbers", "--allow-net"),
      ...["2", "4"],
    ],
  });
  using _conn = await activated.dial();
  assertEquals(await activated.end(), [
    ...notPassed(2, '3 "job"'),
    ...notPassed(4, '3 "job"'),
    "works",
  ]);
});

const DATAGRAM =
  "it is a datagram, sequential packet or vsock socket, or not open at all";

const CALLS = [
  [
    "listen",
    "listen on 3",
    "Cannot listen on",
    "listening",
    "use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no",
  ],
  [
    "connection",
    "connect on 3",
    "Cannot take the connection on",
    "connected",
    "use Accept=yes with ListenStream=",
  ],
] as const;

/** Returns the error message about a descriptor of this kind. */
function refusal(call: (typeof CALLS)[number], kind: string): string {
  const [, , cannot, state, hint] = call;
  // Without handles, the kind is unknown.
  const what = PRELOAD.length > 0 ? `it is not a ${state} stream socket` : kind;
  return `3 job: ${cannot} fd 3 "job": ${what}; ${hint}`;
}

for (const call of CALLS) {
  const [name, program] = call;
  const isListen = name === "listen";

  Deno.test(`${name}: a datagram socket is refused by number, name and reason`, async () => {
    await using activated = await listening(program, {
      options: ["--datagram"],
    });
    await datagram({ transport: "unixpacket", path: activated.address });
    assertEquals(await activated.end(), [refusal(call, DATAGRAM)]);
  });

  Deno.test(`${name}: a UDP socket is refused by number, name and reason`, async () => {
    await using activated = await listening(program, {
      kind: "IPv4",
      options: ["--datagram"],
    });
    const tcp = hostAndPort(activated.address)!;
    await datagram({ transport: "udp", ...tcp });
    assertEquals(await activated.end(), [refusal(call, DATAGRAM)]);
  });

  Deno.test(`${name}: a seqpacket socket is refused by number, name and reason`, async () => {
    await using activated = await listening(program, {
      options: [
        "--seqpacket",
        ...(isListen ? [] : ["--accept"]),
      ],
    });
    const address = `UNIX-CONNECT:${activated.addresses[0]},type=5`;
    await using _peer = new Program("socat", ["-u", address, "-"]);
    const wanted = refusal(call, DATAGRAM);
    if (isListen) assertEquals(await activated.end(), [wanted]);
    else await activated.stdout.line(wanted);
  });

  const FILES: [what: string, redirection: string, kind: string][] = [
    ["a file", `3<"$0"`, "it is a file or a device"],
    ["a directory", "3</", DATAGRAM],
    ["a device", "3</dev/null", "it is a file or a device"],
    ["a FIFO", "3<>fifo", "it is a FIFO or a pipe"],
    ["a closed descriptor", "3<&-", DATAGRAM],
  ];
  for (const [what, redirection, kind] of FILES) {
    Deno.test(`${name}: ${what} is refused by number, name and reason`, async () => {
      using directory = new TempDir();
      const variables = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=job";
      const script = `mkfifo fifo && ${variables} exec "$@" ${redirection}`;
      const module = new URL(import.meta.url).pathname;
      const command = ["-c", script, module, ...adopting(program)];
      const { code, stdout, stderr } = await run("sh", command, {
        cwd: directory.path,
      });
      assertEquals(code, 0, stderr);
      assertEquals(stdout, `${refusal(call, kind)}\n`);
    });
  }
}

const CLOSED =
  '3 job: Cannot adopt fd 3 "job": it was adopted before, and is closed; restart the service to get it again';

const [LISTEN, CONNECTION] = CALLS;

for (const kind of KINDS) {
  const type = kind.startsWith("IPv") ? "TCP" : "unix";
  const socket = `it is a ${type} socket that listens`;

  Deno.test(`connection, ${kind}: a listening socket is refused, by name and reason`, async () => {
    await using activated = await listening("connect, and end", { kind });
    using _conn = await activated.dial();
    const lines = await activated.end();
    assertEquals(lines, [refusal(CONNECTION, socket)]);
  });

  // `node:net` closes what it refuses.
  if (PRELOAD.length > 0) continue;

  Deno.test(`listen, ${kind}: a refused connection stays available, and becomes closed`, async () => {
    await using activated = await listening("listen, then connect", {
      kind,
      options: ["--accept"],
    });
    using conn = await activated.dial();
    const text = "first ".repeat(50_000);
    assertEquals(await echoOf(conn, text), text);
    await conn.closeWrite();
    assertEquals(await receiveAllText(conn), "");
    const reason = refusal(LISTEN, `it is a ${type} connection`);
    await activated.stdout.atLeast(4);
    assertEquals(activated.stdout.seen, [
      reason,
      reason,
      CLOSED,
      CLOSED,
    ]);
  });

  Deno.test(`connection, ${kind}: a refused listening socket stays available and keeps new connections`, async () => {
    await using activated = await listening("connect, then listen", { kind });
    const conns = [await activated.dial()];
    await activated.stdout.line(/refused|Cannot/);
    conns.push(await activated.dial());
    await activated.type("\n");
    conns.push(await activated.dial());
    for (const [i, conn] of conns.entries()) await send(conn, `${i}`);
    const lines = await activated.end();
    assertEquals(lines, [
      refusal(CONNECTION, socket),
      ...["received 0", "received 1", "received 2"],
      CLOSED,
    ]);
    for (const conn of conns) conn.close();
  });
}

Deno.test("listen: a connected socket is refused by number, name and reason", async () => {
  await using activated = await listening("listen on 3", {
    options: ["--accept"],
  });
  using _conn = await activated.dial();
  await activated.stdout.line(
    refusal(LISTEN, "it is a unix connection"),
  );
});

/**
 * Receives one byte and closes the socket with unread data, which resets a unix
 * connection. A `Deno.Conn` shuts down its side first: the other side may then see
 * an ordinary end.
 */
const RESET_UNIX = `
import socket, sys
with socket.socket(socket.AF_UNIX) as peer:
    peer.connect(sys.argv[1].replace("@", "\\0", 1))
    peer.recv(1)
`;

/** Connects, receives data, and resets the connection. */
async function reset(address: string): Promise<void> {
  const tcp = hostAndPort(address);
  if (tcp === undefined) {
    const { code, stderr } = await run("python3", ["-c", RESET_UNIX, address]);
    assertEquals(code, 0, stderr);
    return;
  }
  const socket = connect({ host: tcp.hostname, port: tcp.port });
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resetAndDestroy();
}

async function datagram(to: Deno.UnixAddr | Deno.NetAddr): Promise<void> {
  using directory = new TempDir();
  const socket = to.transport === "udp"
    ? Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 })
    : Deno.listenDatagram({
      transport: "unixpacket",
      path: directory.join("sender.socket"),
    });
  await socket.send(new Uint8Array(1), to);
  socket.close();
}
