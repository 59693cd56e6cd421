// What the server cannot serve: its message and status 78, and the findings of --check.
// tests/activation and tests/server have the cases of variables, names and kinds.

import { assert, assertEquals } from "@std/assert";
import type { ListenOptions } from "../support/activate.ts";
import { echoOf } from "../support/peer.ts";
import { type Finished, IPC_SERVER, run } from "../support/program.ts";
import { ActivatedServer, SOCKET_NAME } from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

type Start = (...args: string[]) => Promise<Finished>;

/** Passed one descriptor of the right name. */
const passed =
  (redirection: string, fdNames = SOCKET_NAME): Start => (...args) => {
    const script = `exec ${redirection}; exec env LISTEN_PID=$$ "$0" "$@"`;
    const env = { LISTEN_FDS: "1", LISTEN_FDNAMES: fdNames };
    return run("/bin/sh", ["-c", script, IPC_SERVER, ...args], { env });
  };

/** Under systemd-socket-activate, started by a connection. */
const activated =
  (options: Partial<ListenOptions>): Start => async (...args) => {
    const command = [IPC_SERVER, ...args];
    await using server = await ActivatedServer.listen({ ...options, command });
    (await server.dial()).close();
    const code = await server.exitCode();
    const text = (lines: string[]) => lines.map((line) => `${line}\n`).join("");
    const { seen } = server.stdout;
    return { code, stdout: text(seen), stderr: text(server.complaints()) };
  };

/** What the server is passed, and a part of its message and of the finding. */
const REFUSED: [what: string, start: Start, part: string][] = [
  ["nothing", (...args) => run(IPC_SERVER, args), "systemctl restart"],
  [
    "a terminal sequence",
    passed("3</", "\x1b[31mred"),
    String.raw`"\u001b[31mred"`,
  ],
  [
    "a socket of another name",
    activated({ names: "web.socket" }),
    'got fd 3 "web.socket"; set FileDescriptorName=',
  ],
  ["a closed descriptor", passed("3<&-"), "not open at all"],
];

for (const [what, start, part] of REFUSED) {
  Deno.test(`passed ${what}, the server exits with 78, and --check finds it`, async () => {
    const { code, stdout, stderr } = await start();
    assertOneLine("ipc-server", stderr, part);
    assertEquals({ code, stdout }, { code: 78, stdout: "" });
    assert(!stderr.includes("\x1b"), Deno.inspect(stderr));
    assertFindings(await start("--check"), 78, "wrong: ", part);
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
    using _conn = await server.dial();
    const line = await (args.length === 0
      ? server.stderr.line(/^ipc-server: .*fd 3/)
      : server.stdout.line(/^wrong: .*fd 3 .* is a unix connection/));
    assert(line.includes("Accept=no"), line);
    // systemd-socket-activate prints how its child ended.
    await server.stderr.line(/died with code 78$/);
  }
});

Deno.test("--check accepts a socket with the name and limits of the options, and judges LimitNOFILE=", async () => {
  const options =
    "--check --name=web.socket --max-connections=10 --max-waiting=5 --backlog=7"
      .split(" ");
  const kinds = { "unix path": "a unix stream", "IPv4": "a TCP" } as const;
  for (const kind of ["unix path", "IPv4"] as const) {
    const found = await activated({ kind, names: "web.socket" })(...options);
    const socket = `fd 3 "web.socket" is ${kinds[kind]} socket that listens`;
    assertFindings(found, 0, "ok: ", socket);
    const limit = "LimitNOFILE= suffices for 10 connections and 5 waiting";
    assertFindings(found, 0, "ok: ", limit);
    assertFindings(found, 0, "note: ", "must be 7,");
    assertFindings(found, 0, "note: ", "NOTIFY_SOCKET is not set");
  }
  const script = 'ulimit -n 100; exec "$0" "$@"';
  const found = await run("sh", ["-c", script, IPC_SERVER, ...options]);
  const needed = "LimitNOFILE= of the service to at least 207, for 10 conn";
  assertFindings(found, 78, "note: ", needed);
});

Deno.test("--check keeps the queued connections and the path of the socket", async () => {
  // The check runs before the server, on the same socket.
  const script =
    `(LISTEN_PID=$(sh -c 'echo $PPID') exec "$0" --check); exec "$0"`;
  await using server = await ActivatedServer.listen({
    command: ["/bin/sh", "-c", script, IPC_SERVER],
  });
  await server.freeze();
  using conns = new DisposableStack();
  const pending: Deno.Conn[] = [];
  while (pending.length < 50) pending.push(conns.use(await server.dial()));
  server.kill("SIGCONT");
  await server.stdout.line("The server would start.");
  await server.stdout.line("server start");
  const echoes = pending.map((conn, peer) => echoOf(conn, `peer ${peer}\n`));
  assertEquals(
    await Promise.all(echoes),
    pending.map((_, peer) => `peer ${peer}\n`),
  );
  assertEquals((await Deno.lstat(server.address)).isSocket, true);
});
