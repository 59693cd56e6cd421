// What the server cannot serve: its message and status 78, and the findings of --check.
// tests/activation and tests/server have the cases of variables and names.

import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { echoOf } from "../support/peer.ts";
import { type Finished, IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  ActivatedServer,
  type ActivationOptions,
  SOCKET_NAME,
} from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

/** Runs the server with these arguments, passed something. */
type Start = (...args: string[]) => Promise<Finished>;

/** By hand, with these variables. */
const byHand = (env: Record<string, string> = {}): Start => (...args) =>
  run(IPC_SERVER, args, { env });

/** As the process that LISTEN_PID names, with these descriptors. */
const named = (
  env: Record<string, string>,
  redirection = "",
): Start =>
async (...args) => {
  using directory = new TempDir();
  await run("mkfifo", [directory.join("fifo")]);
  const redirections = redirection.replace("fifo", directory.join("fifo"));
  const script = `exec ${redirections}; exec env LISTEN_PID=$$ "$0" "$@"`;
  return await run("/bin/sh", ["-c", script, IPC_SERVER, ...args], { env });
};

/** Passed one descriptor of the right name. */
const passed = (redirection: string, env: Record<string, string> = {}) =>
  named({ LISTEN_FDS: "1", LISTEN_FDNAMES: SOCKET_NAME, ...env }, redirection);

/** Under systemd-socket-activate, started by `trigger`: by default a connection. */
const activated = (
  options: ActivationOptions,
  trigger = async (server: ActivatedServer): Promise<unknown> =>
    (await server.connect()).close(),
): Start =>
async (...args) => {
  const command = [IPC_SERVER, ...args];
  await using server = await ActivatedServer.listen({ ...options, command });
  await trigger(server);
  const code = await server.program.exitCode();
  const text = (lines: string[]) => lines.map((line) => `${line}\n`).join("");
  return {
    code,
    stdout: text(server.stdout.seen),
    stderr: text(server.complaints()),
  };
};

const socat = (...args: string[]) => ({ address }: ActivatedServer) =>
  run("socat", args.map((arg) => arg.replace("ADDRESS", address)), {
    stdin: "hello",
  });

const NOT_STREAM = "datagram, sequential packet or vsock";

const REFUSED: [
  what: string,
  start: Start,
  message: string,
  finding: string,
][] = [
  ["nothing", byHand(), "got none", "LISTEN_PID is not set"],
  [
    "a socket for another process",
    byHand({
      LISTEN_PID: "1",
      LISTEN_FDS: "1",
      LISTEN_FDNAMES: SOCKET_NAME,
    }),
    "got none",
    "LISTEN_PID=1 is another process",
  ],
  [
    "a socket for its parent",
    (...args) =>
      run("/bin/sh", [
        "-c",
        'LISTEN_PID=$$ LISTEN_FDS=1 "$0" "$@"; exit $?',
        IPC_SERVER,
        ...args,
      ]),
    "is the parent of this process",
    "is another process",
  ],
  ["no LISTEN_FDS", named({}), "got none", "LISTEN_FDS is not set"],
  ["no socket", named({ LISTEN_FDS: "0" }), "got none", "LISTEN_FDS=0"],
  [
    "a malformed LISTEN_PID",
    byHand({ LISTEN_PID: "abc", LISTEN_FDS: "1" }),
    'LISTEN_PID: "abc"',
    'LISTEN_PID: "abc"',
  ],
  [
    "a forged count",
    passed("", { LISTEN_FDS: "99999999999" }),
    "LISTEN_FDS",
    "LISTEN_FDS",
  ],
  [
    "a terminal sequence",
    passed("", { LISTEN_FDNAMES: "\x1b[31mred" }),
    String.raw`"\u001b[31mred"`,
    String.raw`"\u001b[31mred"`,
  ],
  [
    "a socket of another name",
    activated({ fdNames: "web.socket" }),
    'got fd 3 "web.socket"',
    'got fd 3 "web.socket"; set FileDescriptorName=',
  ],
  [
    "two sockets",
    activated({ sockets: 2, fdNames: `${SOCKET_NAME}:web.socket` }),
    `got fd 3 "${SOCKET_NAME}", fd 4 "web.socket"`,
    "pass only one",
  ],
  [
    "a unix datagram socket",
    activated(
      { options: ["--datagram"] },
      socat("-u", "-", "UNIX-SENDTO:ADDRESS"),
    ),
    "ListenStream=",
    NOT_STREAM,
  ],
  [
    "a UDP socket",
    activated(
      { kind: "IPv4", options: ["--datagram"] },
      socat("-u", "-", "UDP-SENDTO:ADDRESS"),
    ),
    "ListenStream=",
    NOT_STREAM,
  ],
  [
    "a sequential packet socket",
    activated(
      { options: ["--seqpacket"] },
      // Type 5 is SOCK_SEQPACKET.
      socat("-", "UNIX-CONNECT:ADDRESS,type=5"),
    ),
    "ListenStream=",
    NOT_STREAM,
  ],
  ["a file", passed("3</dev/null"), "ListenStream=", "a file or a device"],
  ["a directory", passed("3</"), "ListenStream=", NOT_STREAM],
  ["a FIFO", passed("3<>fifo"), "ListenStream=", "a FIFO or a pipe"],
  ["a closed descriptor", passed("3<&-"), "ListenStream=", "not open at all"],
];

for (const [what, start, message, finding] of REFUSED) {
  Deno.test(`passed ${what}, the server prints one line and exits with 78`, async () => {
    const { code, stdout, stderr } = await start();
    assertOneLine("ipc-server", stderr, message);
    assertEquals({ code, stdout }, { code: 78, stdout: "" });
    assert(!stderr.includes("\x1b"), Deno.inspect(stderr));
  });

  Deno.test(`passed ${what}, --check finds it`, async () => {
    assertFindings(await start("--check"), 78, `wrong: `, finding);
  });
}

/** Checks the result of --check, and that one finding has both parts. */
function assertFindings(
  { code, stdout, stderr }: Finished,
  expected: number,
  verdict: string,
  part: string,
): void {
  assertEquals({ code, stderr }, { code: expected, stderr: "" }, stdout);
  const lines = stdout.trimEnd().split("\n");
  const last = lines.pop()!;
  assertEquals(last.includes("would not start: "), expected !== 0, last);
  for (const line of lines) {
    assert(/^(ok: |note: |wrong: )[\x20-\x7e]*$/.test(line), line);
  }
  assert(
    lines.some((line) => line.startsWith(verdict) && line.includes(part)),
    `no finding "${verdict}" has "${part}": ${stdout}`,
  );
}

Deno.test("a connection, as Accept=yes passes it, is refused; --check finds it", async () => {
  for (const args of [[], ["--check"]]) {
    await using server = await ActivatedServer.listen({
      command: [IPC_SERVER, ...args],
      options: ["--accept"],
    });
    using _conn = await server.connect();
    const line = await (args.length === 0
      ? server.program.stderr.line(/^ipc-server: .*fd 3/)
      : server.stdout.line(/^wrong: .*fd 3 .* is a unix connection/));
    assert(line.includes("Accept=no"), line);
    // systemd-socket-activate prints how its child ended.
    await server.program.stderr.line(/died with code 78$/);
  }
});

// What --check accepts.

for (const kind of KINDS) {
  Deno.test(`--check accepts a socket (${kind})`, async () => {
    const shown = kind.startsWith("IP")
      ? "a TCP socket that listens on "
      : "a unix stream socket";
    const part = `fd 3 "${SOCKET_NAME}" is ${shown}`;
    assertFindings(await activated({ kind })("--check"), 0, "ok: ", part);
  });
}

Deno.test("the limits of --check follow the options, and --name is the expected name", async () => {
  const args = ["--max-connections=10", "--max-waiting=5", "--backlog=7"];
  const start = activated({ fdNames: "web.socket" });
  const found = await start("--check", "--name=web.socket", ...args);
  const suffices = "LimitNOFILE= suffices for 10 connections and 5 waiting";
  assertFindings(found, 0, "ok: ", suffices);
  assertFindings(found, 0, "note: ", "must be 7,");
  assertFindings(found, 0, "ok: ", '"web.socket"');
});

Deno.test("an unreachable notify socket is a note", async () => {
  using directory = new TempDir();
  const env = { NOTIFY_SOCKET: directory.join("notify") };
  using _receiver = new NotifyReceiver(env.NOTIFY_SOCKET);
  // The executable may only send to the notify socket of the system.
  const part = `NOTIFY_SOCKET=${env.NOTIFY_SOCKET} `;
  assertFindings(await byHand(env)("--check"), 78, "note: ", part);
});

Deno.test("--check keeps the backlog and the path of the socket", async () => {
  // The check runs before the server, on the same socket.
  const script =
    `(LISTEN_PID=$(sh -c 'echo $PPID') exec "$0" --check); exec "$0"`;
  await using server = await ActivatedServer.listen({
    command: ["/bin/sh", "-c", script, IPC_SERVER],
  });
  await server.freeze();
  using conns = new DisposableStack();
  const pending: Deno.Conn[] = [];
  while (pending.length < 50) pending.push(conns.use(await server.connect()));
  server.thaw();
  await server.stdout.line("The server would start.");
  await server.stdout.line("server start");
  const echoes = pending.map((conn, peer) => echoOf(conn, `peer ${peer}\n`));
  assertEquals(
    await Promise.all(echoes),
    pending.map((_, peer) => `peer ${peer}\n`),
  );
  assertEquals((await Deno.lstat(server.address)).isSocket, true);
});
