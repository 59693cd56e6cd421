// A server that cannot start, with a connection that waits: systemd gives the socket up
// soon. A server that crashes, or exits when idle, once a second never reaches the limit.

import { assert, assertEquals } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";

/** As in the unit. */
const BURST = 12;

/** Starts, one each second, that take longer than one window of the limit. */
const ROUNDS = 14;

let machine: Machine;
Deno.test.beforeEach(async () => {
  machine = await Machine.boot();
});
Deno.test.afterEach(() => machine?.[Symbol.asyncDispose]());

async function options(text: string): Promise<void> {
  await machine.write(
    "/etc/default/ipc-server",
    `IPC_SERVER_OPTIONS=${text}\n`,
  );
}

async function dropIn(unit: string, ...lines: string[]): Promise<void> {
  const directory = `/run/systemd/system/${unit}.d`;
  await machine.run("mkdir", "-p", directory);
  await machine.write(`${directory}/test.conf`, `${lines.join("\n")}\n`);
  await machine.systemctl("daemon-reload");
}

const WRONG: [what: string, status: string, prepare: () => Promise<void>][] = [
  ["wrong options", "64", () => options("--no-such-option")],
  [
    "a socket of another name",
    "78",
    () => dropIn(SOCKET, "[Socket]", "FileDescriptorName=web"),
  ],
  [
    "wrong options, on a machine where a start takes twice as long",
    "64",
    async () => {
      await options("--no-such-option");
      // In the service's root there is no other program that takes its time.
      await dropIn(
        SERVER,
        "[Service]",
        "ExecStartPre=-/usr/libexec/ipc/ipc-client --retry --connect-timeout 200ms /nowhere",
      );
    },
  ],
];
for (const [what, status, prepare] of WRONG) {
  Deno.test(`with ${what} and a pending connection, the socket fails within 10 s`, async () => {
    await prepare();
    await machine.systemctl("start", SOCKET);
    using _conn = await machine.connect();
    await machine.reaches(SOCKET, "failed (failed)", { within: 10_000 });
    assertEquals(await machine.show(SOCKET, "Result"), {
      Result: "service-start-limit-hit",
    });
    const { ExecMainStatus } = await machine.show(SERVER, "ExecMainStatus");
    assertEquals(ExecMainStatus, status);
    const starts = (await machine.journal(SERVER))
      .filter(({ message }) => /^(Wanted|Unknown)/.test(message)).length;
    assert(starts > 0 && starts <= BURST, `${starts} starts`);

    // As the manual says, after the cause is fixed.
    await machine.run("rm", "-rf", "/etc/default/ipc-server");
    await machine.run("sh", "-c", "rm -rf /run/systemd/system/ipc-server.*.d");
    await machine.systemctl("daemon-reload");
    await machine.systemctl("reset-failed", SOCKET, SERVER);
    await machine.systemctl("start", SOCKET);
    using conn = await machine.connect();
    assertEquals(await echoOf(conn, "hello"), "hello");
  });
}

/** Has the server echo something once a second, for longer than one window. */
async function onceASecond(between: () => Promise<void>): Promise<void> {
  for (let rounds = 0; rounds < ROUNDS; rounds++) {
    const second = new Promise((resolve) => setTimeout(resolve, 1_000));
    {
      using conn = await machine.connect();
      assertEquals(await echoOf(conn, "hello"), "hello");
    }
    await between();
    await second;
  }
  const entries = await machine.journal(SERVER);
  const starts = entries.filter(({ message }) => message === "server start");
  assert(starts.length >= ROUNDS, `${starts.length} starts`);
  using conn = await machine.connect();
  assertEquals(await echoOf(conn, "still there"), "still there");
}

Deno.test("one crash a second never makes the socket fail", async () => {
  await machine.systemctl("start", SOCKET);
  await onceASecond(async () => {
    const pid = await machine.mainPid(SERVER);
    await machine.run("kill", "-KILL", `${pid}`);
  });
});

Deno.test("one idle exit a second never makes the socket fail", async () => {
  await options("--idle-timeout 100ms");
  await machine.systemctl("start", SOCKET);
  await onceASecond(() => machine.reaches(SERVER, "inactive (dead)"));
});
