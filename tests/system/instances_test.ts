// The template units: two instances at once, each with its own socket, options, user
// and root directory, and neither is affected by the other.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { assertConfined } from "./confinement.ts";
import { Machine } from "./machine.ts";

// A dash in a name is no part of a path here: it needs no escaping.
const NAMES = ["a", "b-2"] as const;
const [A, B] = NAMES;

const socket = (name: string) => `ipc-server@${name}.socket`;
const server = (name: string) => `ipc-server@${name}.service`;
const path = (name: string) => `/run/ipc-server/${name}.socket`;
const options = (name: string) => `/etc/default/ipc-server@${name}`;

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
  await machine.systemctl("start", ...NAMES.map(socket));
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

async function assertServed(name: string, text: string): Promise<void> {
  const conn = await machine.connect(path(name));
  try {
    assertEquals(
      await soon("the echo has arrived", echoOf(conn, text)),
      text,
    );
  } finally {
    conn.close();
  }
}

/** A file below `/proc` of an instance's process. */
async function proc(name: string, file: string): Promise<string> {
  const pid = await machine.mainPid(server(name));
  assertNotEquals(pid, 0, `${server(name)} does not run`);
  return await machine.run("cat", `/proc/${pid}/${file}`);
}

async function logged(name: string): Promise<string[]> {
  return (await machine.journal(server(name))).map(({ message }) => message);
}

Deno.test("each instance serves only its own socket", async () => {
  await Promise.all(NAMES.map((name) => assertServed(name, `for ${name}`)));
  for (const name of NAMES) {
    await machine.reaches(server(name), "active (running)");
    await eventually(
      `${name} has logged what it received`,
      () => logged(name),
      (lines) => lines.length === 2,
    );
    assertEquals(await logged(name), [
      "server start",
      `server recv: for ${name}`,
    ]);
    assertEquals(
      await machine.run("stat", "--format=%a %U:%G", path(name)),
      "666 root:root\n",
    );
  }
  await machine.reaches("ipc-server.socket", "inactive (dead)");
});

Deno.test("each instance is confined, as a user and in a root directory of its own", async () => {
  const users = new Set<string>();
  for (const name of NAMES) {
    await assertConfined(machine, server(name));
    users.add((await proc(name, "status")).match(/^Uid:.*$/m)![0]);
    assertEquals(await machine.show(server(name), "RootDirectory"), {
      RootDirectory: `/run/ipc-server@${name}-root`,
    });
  }
  assertEquals(users.size, NAMES.length, [...users].join());
});

Deno.test("each instance has its own options", async () => {
  await machine.write(options(A), "IPC_SERVER_OPTIONS=--quiet\n");
  await machine.write(options(B), "IPC_SERVER_OPTIONS=--max-waiting 7\n");
  await machine.write(
    "/etc/default/ipc-server",
    "IPC_SERVER_OPTIONS=--wrong\n",
  );
  await machine.systemctl("restart", ...NAMES.map(server));
  const program = "/usr/libexec/ipc/ipc-server\0";
  assertEquals(await proc(A, "cmdline"), `${program}--quiet\0`);
  assertEquals(await proc(B, "cmdline"), `${program}--max-waiting\x007\0`);
  await Promise.all(NAMES.map((name) => assertServed(name, "with options")));
});

Deno.test("stopping or crashing one does not affect the other", async () => {
  using kept = await machine.connect(path(B));
  assertEquals(await echoOf(kept, "before"), "before");
  const other = await machine.mainPid(server(B));

  await machine.run("kill", "-KILL", `${await machine.mainPid(server(A))}`);
  await assertServed(A, "after the crash");
  assertEquals((await machine.show(server(A), "NRestarts")).NRestarts, "1");
  await machine.systemctl("stop", server(A));
  assertEquals(await echoOf(kept, "server stopped"), "server stopped");
  await assertServed(A, "started again by a connection");
  await machine.systemctl("stop", socket(A), server(A));
  assertEquals((await machine.attempt("test", "-e", path(A))).code, 1);

  assertEquals(await echoOf(kept, "all stopped"), "all stopped");
  assertEquals(await machine.mainPid(server(B)), other);
});

Deno.test("an instance that fails until its socket fails does not affect the other", async () => {
  const other = await machine.mainPid(server(B));
  await machine.write(options(A), "IPC_SERVER_OPTIONS=--wrong\n");
  await machine.systemctl("start", socket(A));
  using _pending = await machine.connect(path(A));
  await machine.reaches(socket(A), "failed (failed)");
  await machine.reaches(socket(B), "active (running)");
  await assertServed(B, "still here");
  assertEquals(await machine.mainPid(server(B)), other);
  await machine.run("rm", options(A));
  await machine.systemctl("reset-failed", socket(A), server(A));
});

Deno.test("an instance can be enabled and disabled, as any unit", async () => {
  const isEnabled = async (unit: string) =>
    (await machine.attempt("systemctl", "is-enabled", unit)).stdout.trim();
  await machine.systemctl("enable", "--now", socket(A));
  await machine.systemctl("enable", server(A));
  await assertServed(A, "enabled");
  for (const unit of [socket, server]) {
    assertEquals(await isEnabled(unit(A)), "enabled");
    assertEquals(await isEnabled(unit(B)), "disabled");
  }
  await machine.systemctl("disable", "--now", socket(A), server(A));
  for (const unit of [socket(A), server(A)]) {
    assertEquals(await isEnabled(unit), "disabled");
    await machine.reaches(unit, "inactive (dead)");
  }
  await assertServed(B, "not disabled");
});

Deno.test("an instance whose name is invalid in a user name fails, until a drop-in sets User=", async () => {
  const name = "example.com";
  await machine.systemctl("start", socket(name));
  using _pending = await machine.connect(path(name));
  await machine.reaches(socket(name), "failed (failed)");

  const directory = `/etc/systemd/system/${server(name)}.d`;
  await machine.run("mkdir", directory);
  await machine.write(
    `${directory}/user.conf`,
    "[Service]\nUser=ipc-server-example\n",
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("reset-failed", socket(name), server(name));
  await machine.systemctl("start", socket(name));
  await assertServed(name, "as another user");
  await machine.systemctl("stop", socket(name), server(name));
});

Deno.test("a drop-in for the template holds for every instance", async () => {
  const directory = "/etc/systemd/system/ipc-server@.service.d";
  await machine.run("rm", "-f", options(B));
  await machine.run("mkdir", directory);
  await machine.write(
    `${directory}/test.conf`,
    '[Service]\nEnvironment="IPC_SERVER_DROP_IN_OPTIONS=--drain-timeout 1s"\n',
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", ...NAMES.map(socket));
  await machine.systemctl("restart", ...NAMES.map(server));
  for (const name of NAMES) {
    assert((await proc(name, "cmdline")).endsWith("\0--drain-timeout\x001s\0"));
  }
});
