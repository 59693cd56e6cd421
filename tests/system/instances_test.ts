// The template units: two instances at once, each with its own socket, options, user
// and root directory, and neither is affected by the other.

import { assertEquals, assertNotEquals } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { Machine, SOCKET } from "./machine.ts";

// A dash in a name is no part of a path here: it needs no escaping.
const NAMES = ["a", "b-2"] as const;
const [A, B] = NAMES;

const socket = (name: string) => `ipc-server@${name}.socket`;
const server = (name: string) => `ipc-server@${name}.service`;
const path = (name: string) => `/run/ipc-server/${name}.socket`;
const served = (name: string) =>
  machine.assertServed(path(name), `for ${name}`);
const pidOf = (name: string) => machine.mainPid(server(name));

const machine = new Machine();
Deno.test.beforeAll(async () => {
  await machine.systemctl("enable", "--now", ...NAMES.map(socket));
  await machine.systemctl("enable", server(A));
  await machine.startLimitInterval("1min", "ipc-server@.service");
});

Deno.test("each instance serves only its own socket, in a root directory of its own", async () => {
  await Promise.all(NAMES.map(served));
  for (const name of NAMES) {
    const lines = ["server start", `server recv: for ${name}`];
    assertEquals(await machine.journalUpTo(server(name), lines[1]!), lines);
    const stat = `stat --format='%a %U:%G' ${path(name)}`;
    assertEquals(await machine.run(stat), "666 root:root\n");
    const RootDirectory = `/run/ipc-server@${name}-root`;
    await machine.shows(server(name), { RootDirectory });
  }
  await machine.reaches(SOCKET, "inactive (dead)");
});

Deno.test("each instance has its own options, and those of a drop-in for the template", async () => {
  await using _ = await machine.dropIn(
    "ipc-server@.service",
    '[Service]\nEnvironment="IPC_SERVER_DROP_IN_OPTIONS=--drain-timeout 1s"',
  );
  await machine.options(`ipc-server@${A}`, "--quiet");
  await machine.options(`ipc-server@${B}`, "--max-waiting 7");
  await machine.options("ipc-server", "--wrong");
  await machine.systemctl("restart", ...NAMES.map(server));
  const options = async (name: string) =>
    (await machine.run(`cat /proc/${await pidOf(name)}/cmdline`)).split("\0")
      .slice(1, -1).join(" ");
  assertEquals(await options(A), "--drain-timeout 1s --quiet");
  assertEquals(await options(B), "--drain-timeout 1s --max-waiting 7");
  await Promise.all(NAMES.map(served));
});

Deno.test("stopping or crashing one does not affect the other, nor does a start that fails until its socket fails", async () => {
  using kept = await machine.connect(path(B));
  assertEquals(await echoOf(kept, "before"), "before");
  const other = await pidOf(B);

  const crashing = await pidOf(A);
  await machine.run(`kill -KILL ${crashing}`);
  await served(A);
  await machine.shows(server(A), { NRestarts: "1" });
  await machine.systemctl("stop", server(A));
  await served(A);
  assertNotEquals(await pidOf(A), crashing);
  await machine.systemctl("stop", socket(A), server(A));
  assertEquals(await machine.has(path(A)), false);

  await machine.options(`ipc-server@${A}`, "--wrong");
  await machine.systemctl("start", socket(A));
  using _pending = await machine.connect(path(A));
  await machine.reaches(socket(A), "failed (failed)");
  await machine.run(`rm /etc/default/ipc-server@${A}`);
  await machine.systemctl("reset-failed", socket(A), server(A));

  assertEquals(await echoOf(kept, "after"), "after");
  assertEquals(await pidOf(B), other);
});

Deno.test("an instance can be enabled and disabled, as any unit", async () => {
  const states = async () => {
    const units = [socket(A), server(A), socket(B), server(B)];
    const command = ["systemctl", "is-enabled", ...units] as const;
    return (await machine.attempt(...command)).stdout.trimEnd().split("\n");
  };
  const [enabled, disabled] = ["enabled", "disabled"];
  assertEquals(await states(), [enabled, enabled, enabled, disabled]);
  await machine.systemctl("disable", "--now", socket(A), server(A));
  assertEquals(await states(), [disabled, disabled, enabled, disabled]);
  await machine.reaches(server(A), "inactive (dead)");
});

Deno.test("an instance whose name is invalid in a user name fails, until a drop-in sets User=", async () => {
  const name = "example.com";
  await machine.systemctl("start", socket(name));
  using _pending = await machine.connect(path(name));
  await machine.reaches(socket(name), "failed (failed)");
  await machine.dropIn(server(name), "[Service]\nUser=ipc-server-example");
  await machine.systemctl("reset-failed", socket(name), server(name));
  await machine.systemctl("start", socket(name));
  await served(name);
});
