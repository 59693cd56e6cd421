// The findings of `ipc-server --check`, which leaves the socket and its queue unchanged.

import { assert, assertEquals } from "@std/assert";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { echoOf } from "../support/peer.ts";
import { type Finished, IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  ActivatedServer,
  type ActivationOptions,
  KINDS,
  SOCKET_NAME,
} from "./activated_server.ts";

const WOULD_START = 0;
const WOULD_NOT = 78;
const CHECK = [IPC_SERVER, "--check"];

function assertWrong({ code, stdout, stderr }: Finished, ...says: string[]) {
  assertEquals({ code, stderr }, { code: WOULD_NOT, stderr: "" });
  const wrong = stdout.split("\n").filter((line) => line.startsWith("wrong: "));
  for (const part of says) {
    assert(
      wrong.some((line) => line.includes(part)),
      `no finding has "${part}": ${stdout}`,
    );
  }
  assert(stdout.includes("\nThe server would not start: "), stdout);
  assertPlain(stdout);
}

function assertFine({ code, stdout, stderr }: Finished, ...says: string[]) {
  assertEquals({ code, stderr }, { code: WOULD_START, stderr: "" }, stdout);
  for (const part of says) {
    assert(stdout.includes(part), `"${part}" is not in: ${stdout}`);
  }
  assert(stdout.endsWith("\nThe server would start.\n"), stdout);
  assertPlain(stdout);
}

function assertPlain(stdout: string): void {
  for (const line of stdout.trimEnd().split("\n")) {
    assert(/^(ok: |note: |wrong: |The server )[\x20-\x7e]*$/.test(line), line);
  }
}

/** Runs a check that `trigger` activates, by default a connection. */
async function checked(
  options: ActivationOptions,
  trigger: (server: ActivatedServer) => Promise<unknown> = async (server) =>
    (await server.connect()).close(),
): Promise<Finished> {
  await using server = await ActivatedServer.listen({
    command: CHECK,
    ...options,
  });
  await trigger(server);
  const code = await server.program.exitCode();
  const text = (lines: string[]) => lines.map((line) => `${line}\n`).join("");
  return {
    code,
    stdout: text(server.stdout.seen),
    stderr: text(server.complaints()),
  };
}

/** Runs a check with a matching LISTEN_PID and these descriptors. */
function checkedWith(
  env: Record<string, string>,
  redirections = "",
): Promise<Finished> {
  const script = `exec ${redirections}; exec env LISTEN_PID=$$ "$0" --check`;
  return run("/bin/sh", ["-c", script, IPC_SERVER], { env });
}

for (const kind of KINDS) {
  Deno.test(`a socket (${kind}) that can be served is fine`, async () => {
    assertFine(
      await checked({ kind }),
      "ok: LISTEN_PID=",
      "ok: LISTEN_FDS=1",
      `ok: fd 3 "${SOCKET_NAME}" is a ${
        kind.startsWith("IP") ? "TCP socket that listens on " : "unix stream"
      }`,
      "note: NOTIFY_SOCKET is not set",
    );
  });
}

Deno.test("the required limits follow the options", async () => {
  const command = [
    ...CHECK,
    ...["--max-connections=10", "--max-waiting=5", "--backlog=7"],
  ];
  assertFine(
    await checked({ command }),
    `at least ${10 + 5 + 128 + 64} `,
    "must be 7,",
  );
});

Deno.test("--name is the expected name of the socket", async () => {
  const command = [...CHECK, "--name=web.socket"];
  assertFine(await checked({ command, fdNames: "web.socket" }), `"web.socket"`);
  assertWrong(await checked({ command }), `FileDescriptorName=web.socket`);
});

Deno.test("a socket of another name, or without one, is wrong", async () => {
  for (
    const [fdNames, shown] of [["web.socket", "web.socket"], [null, "unknown"]]
  ) {
    const result = await checked({ fdNames });
    assertWrong(result, `got fd 3 "${shown}"; set FileDescriptorName=`);
    assert(result.stdout.includes(`ok: fd 3 "${shown}" is a unix stream`));
  }
});

Deno.test("two sockets are wrong, and each is listed", async () => {
  const fdNames = `${SOCKET_NAME}:web.socket`;
  const result = await checked({ sockets: 2, fdNames });
  assertWrong(result, "pass only one");
  for (const shown of [`fd 3 "${SOCKET_NAME}"`, 'fd 4 "web.socket"']) {
    assert(result.stdout.includes(`ok: ${shown} is a unix stream`), shown);
  }
});

const UNSERVED: [options: string, socat: (address: string) => string[]][] = [
  ["--datagram", (address) => ["-u", "-", `UNIX-SENDTO:${address}`]],
  ["--seqpacket", (address) => ["-", `UNIX-CONNECT:${address},type=5`]],
];
for (const [option, socat] of UNSERVED) {
  Deno.test(`a socket that is ${option.slice(2)} is wrong`, async () => {
    const result = await checked(
      { options: [option] },
      ({ address }) => run("socat", socat(address), { stdin: "hello" }),
    );
    assertWrong(result, "fd 3", "not a stream socket", "ListenStream=");
  });
}

Deno.test("a connection of Accept=yes is wrong", async () => {
  for (const kind of ["unix path", "IPv4"] as const) {
    await using server = await ActivatedServer.listen({
      kind,
      command: CHECK,
      options: ["--accept"],
    });
    using _conn = await server.connect();
    await server.stdout.line(/^wrong: fd 3 .* is a connection.*Accept=no$/);
    await server.program.stderr.line(/died with code 78$/);
  }
});

Deno.test("a file, a directory, a pipe and a closed descriptor are wrong", async () => {
  const env = { LISTEN_FDS: "1", LISTEN_FDNAMES: SOCKET_NAME };
  for (const redirection of ["3</dev/null", "3</", "3>&1", "3>&-"]) {
    assertWrong(
      await checkedWith(env, redirection),
      `fd 3 "${SOCKET_NAME}" is `,
    );
  }
});

Deno.test("a start by hand passes no socket", async () => {
  assertWrong(
    await run(IPC_SERVER, ["--check"]),
    "LISTEN_PID is not set",
    "systemctl restart ipc-server.socket",
    "StandardInput=socket",
  );
});

Deno.test("LISTEN_PID of another process is wrong", async () => {
  const env = { LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: SOCKET_NAME };
  assertWrong(
    await run(IPC_SERVER, ["--check"], { env }),
    "LISTEN_PID=1 is another process",
    "exec",
  );
});

const VARIABLES: [env: Record<string, string>, says: string][] = [
  [{}, "LISTEN_FDS is not set"],
  [{ LISTEN_FDS: "0" }, "LISTEN_FDS=0"],
  [{ LISTEN_FDS: "many" }, 'Cannot parse LISTEN_FDS: "many"'],
  [{ LISTEN_FDS: "-1" }, 'Cannot parse LISTEN_FDS: "-1"'],
  [{ LISTEN_FDS: "99999999999" }, "more descriptors than a process can have"],
  [{ LISTEN_FDS: "1000000" }, "pass only one"],
  [{ LISTEN_FDS: "1", LISTEN_FDNAMES: "a:b" }, "names 2"],
];
for (const [env, says] of VARIABLES) {
  Deno.test(`${JSON.stringify(env)} is wrong`, async () => {
    assertWrong(await checkedWith(env), says);
  });
}

Deno.test("an unreachable notify socket is a note", async () => {
  using directory = new TempDir();
  const env = { NOTIFY_SOCKET: directory.join("notify") };
  using _receiver = new NotifyReceiver(env.NOTIFY_SOCKET);
  const { stdout } = await run(IPC_SERVER, ["--check"], { env });
  // The executable may only send to the notify socket of the system.
  assert(stdout.includes(`note: NOTIFY_SOCKET=${env.NOTIFY_SOCKET} `), stdout);
});

Deno.test("a check keeps the backlog and the path of the socket", async () => {
  const peers = 50;
  // The check runs before the server, on the same socket.
  const script =
    `(LISTEN_PID=$(sh -c 'echo $PPID') exec "$0" --check); exec "$0"`;
  await using server = await ActivatedServer.listen({
    command: ["/bin/sh", "-c", script, IPC_SERVER],
  });
  await server.freeze();
  await using conns = new AsyncDisposableStack();
  const pending = [];
  for (let peer = 0; peer < peers; peer++) {
    const conn = await server.connect();
    conns.defer(() => conn.close());
    pending.push(conn);
  }
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
