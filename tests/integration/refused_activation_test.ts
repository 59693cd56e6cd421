// The server's message and exit status without the socket that it needs.

import { assert, assertEquals } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  ActivatedServer,
  type ActivationOptions,
  SOCKET_NAME,
} from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

const NOT_GIVEN_A_SOCKET = 78;

/** Checks the server's exit status, and returns its message. */
function assertRefused(
  { code, stdout, stderr }: { code: number; stdout: string; stderr: string },
  ...says: string[]
): void {
  assertOneLine("ipc-server", stderr, ...says);
  assertEquals({ code, stdout }, { code: NOT_GIVEN_A_SOCKET, stdout: "" });
}

/** Activates the server with something that it should refuse. */
async function refusal(
  options: ActivationOptions,
  trigger: (server: ActivatedServer) => Promise<unknown>,
) {
  await using server = await ActivatedServer.listen(options);
  await trigger(server);
  const code = await server.program.exitCode();
  return {
    code,
    stdout: server.stdout.seen.join("\n"),
    stderr: server.complaints().map((line) => `${line}\n`).join(""),
  };
}

/** A trigger: connects, which activates a server. */
async function connects(server: ActivatedServer): Promise<void> {
  (await server.connect()).close();
}

/** Runs the server as the process that LISTEN_PID names, with these descriptors. */
async function activated(env: Record<string, string>, redirections = "") {
  const script = `exec ${redirections}; exec env LISTEN_PID=$$ "$0"`;
  return await run("/bin/sh", ["-c", script, IPC_SERVER], { env });
}

Deno.test("started by hand, it names the socket unit that it needs", async () => {
  assertRefused(
    await run(IPC_SERVER),
    SOCKET_NAME,
    "got none",
    "systemctl restart ipc-server.socket",
  );
});

Deno.test("variables meant for another process are not used", async () => {
  const result = await run(IPC_SERVER, [], {
    env: {
      LISTEN_PID: "1",
      LISTEN_FDS: "1",
      LISTEN_FDNAMES: SOCKET_NAME,
    },
  });
  assertRefused(result, SOCKET_NAME, "got none", "systemctl restart");
});

Deno.test("a socket of another name is refused", async () => {
  const result = await refusal({ fdNames: "web.socket" }, connects);
  assertRefused(result, `"${SOCKET_NAME}"`, `"web.socket"`, "--name");
});

Deno.test("a socket without a name is refused", async () => {
  const result = await refusal({ fdNames: null }, connects);
  assertRefused(result, `"${SOCKET_NAME}"`, `"unknown"`);
});

Deno.test("a socket is refused when --name wants another", async () => {
  const command = [IPC_SERVER, "--name", "web.socket"];
  const result = await refusal({ command }, connects);
  assertRefused(result, `"web.socket"`, `"${SOCKET_NAME}"`);
});

Deno.test("two sockets are one too many, though one has the right name", async () => {
  const fdNames = `${SOCKET_NAME}:web.socket`;
  const result = await refusal({ sockets: 2, fdNames }, connects);
  assertRefused(result, "one socket", `"${SOCKET_NAME}"`, `"web.socket"`);
});

Deno.test("two sockets of the right name are one too many", async () => {
  const fdNames = `${SOCKET_NAME}:${SOCKET_NAME}`;
  const result = await refusal({ sockets: 2, fdNames }, connects);
  assertRefused(result, "one socket", "fd 3", "fd 4");
});

Deno.test("a socket of the name that --name wants is served", async () => {
  await using server = await ActivatedServer.listen({
    fdNames: "web.socket",
    command: [IPC_SERVER, "--name=web.socket"],
  });
  using conn = await server.connect();
  assertEquals(await echoOf(conn, "hello\n"), "hello\n");
});

Deno.test("a unix datagram socket is refused", async () => {
  const result = await refusal(
    { options: ["--datagram"] },
    ({ address }) =>
      run("socat", ["-u", "-", `UNIX-SENDTO:${address}`], { stdin: "hello" }),
  );
  assertRefused(result, "fd 3", SOCKET_NAME, "ListenStream=");
});

Deno.test("a UDP socket is refused", async () => {
  const result = await refusal(
    { kind: "IPv4", options: ["--datagram"] },
    ({ address }) =>
      run("socat", ["-u", "-", `UDP-SENDTO:${address}`], { stdin: "hello" }),
  );
  assertRefused(result, "fd 3", SOCKET_NAME, "ListenStream=");
});

Deno.test("a sequential packet socket is refused", async () => {
  const result = await refusal(
    { options: ["--seqpacket"] },
    // Type 5 is SOCK_SEQPACKET.
    ({ address }) => run("socat", ["-", `UNIX-CONNECT:${address},type=5`]),
  );
  assertRefused(result, "fd 3", SOCKET_NAME, "ListenStream=");
});

Deno.test("a connection, as a unit with Accept=yes passes it, is refused", async () => {
  await using server = await ActivatedServer.listen({ options: ["--accept"] });
  using _conn = await server.connect();
  const line = await server.program.stderr.line(/^ipc-server: /);
  assertOneLine("ipc-server", `${line}\n`, "fd 3", SOCKET_NAME, "Accept=no");
  // systemd-socket-activate prints how its child ended.
  await server.program.stderr.line(/died with code 78$/);
  assertEquals(server.stdout.seen, []);
});

const ONE_SOCKET = { LISTEN_FDS: "1", LISTEN_FDNAMES: SOCKET_NAME };

for (
  const [what, redirection] of [
    ["a file", "3</dev/null"],
    ["a directory", "3</"],
    ["a pipe", "3<>fifo"],
    ["a descriptor that is not there", "3<&-"],
  ]
) {
  Deno.test(`${what} is refused`, async () => {
    using directory = new TempDir();
    await run("mkfifo", [directory.join("fifo")]);
    const redirections = redirection!.replace("fifo", directory.join("fifo"));
    const result = await activated(ONE_SOCKET, redirections);
    assertRefused(result, "fd 3", SOCKET_NAME, "ListenStream=");
  });
}

for (const pid of ["", "0", "-1", "abc", "1.5", "0x10", "1 ", "99999999999"]) {
  Deno.test(`LISTEN_PID=${JSON.stringify(pid)} is malformed`, async () => {
    const env = { ...ONE_SOCKET, LISTEN_PID: pid };
    assertRefused(
      await run(IPC_SERVER, [], { env }),
      "LISTEN_PID",
      JSON.stringify(pid),
    );
  });
}

const MALFORMED: [variable: string, value: string][] = [
  ["LISTEN_FDS", ""],
  ["LISTEN_FDS", "abc"],
  ["LISTEN_FDS", "-1"],
  ["LISTEN_FDS", "1.5"],
  ["LISTEN_FDS", "1 "],
  ["LISTEN_FDS", "+1"],
  ["LISTEN_FDS", "0x1"],
  ["LISTEN_FDS", "2147483645"],
  ["LISTEN_FDS", "99999999999999999999"],
  ["LISTEN_FDNAMES", ""],
  ["LISTEN_FDNAMES", `${SOCKET_NAME}:web.socket`],
  ["LISTEN_FDNAMES", "new\nline"],
  ["LISTEN_FDNAMES", "\x1b[31mred"],
  ["LISTEN_FDNAMES", "sökket"],
  ["LISTEN_FDNAMES", "x".repeat(256)],
  ["LISTEN_PIDFDID", ""],
  ["LISTEN_PIDFDID", "abc"],
  ["LISTEN_PIDFDID", "-1"],
];
for (const [variable, value] of MALFORMED) {
  // One empty name for one descriptor is in order, and the wrong name all the same.
  const isWellFormed = variable === "LISTEN_FDNAMES" && value === "";
  const shown = value.length > 40 ? `${value.slice(0, 40)}…` : value;
  Deno.test(`${variable}=${JSON.stringify(shown)} is refused`, async () => {
    const result = await activated(
      { ...ONE_SOCKET, [variable]: value },
      "3</dev/null",
    );
    if (isWellFormed) assertRefused(result, `fd 3 ""`, SOCKET_NAME);
    else assertRefused(result, variable, JSON.stringify(value));
    assert(!result.stderr.includes("\x1b"), Deno.inspect(result.stderr));
  });
}

const NO_SOCKETS: Record<string, string>[] = [{}, { LISTEN_FDS: "0" }];
for (const env of NO_SOCKETS) {
  Deno.test(`LISTEN_PID with ${JSON.stringify(env)} brings no socket`, async () => {
    assertRefused(await activated(env), SOCKET_NAME, "got none");
  });
}
