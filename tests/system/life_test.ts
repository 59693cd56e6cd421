// The life of the server, as systemd sees it: status, stop, watchdog, idle exit.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
  await machine.liftStartLimit();
  await machine.systemctl("start", SOCKET);
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

async function statusBecomes(wanted: string): Promise<void> {
  await eventually(
    `the status is "${wanted}"`,
    async () => (await machine.show(SERVER, "StatusText")).StatusText,
    (status) => status === wanted,
  );
}

async function connectEchoLeave(text: string): Promise<void> {
  const conn = await machine.connect();
  try {
    assertEquals(await soon("the echo has arrived", echoOf(conn, text)), text);
  } finally {
    conn.close();
  }
}

Deno.test("the status shows the open and past connections and their bytes", async () => {
  await machine.systemctl("start", SERVER);
  // "Started" means READY: no wait is needed.
  assertEquals(
    await machine.show(SERVER, "ActiveState", "Type", "StatusText"),
    {
      ActiveState: "active",
      Type: "notify",
      StatusText: "0 open, 0 served, 0 bytes received",
    },
  );
  const first = await machine.connect();
  await echoOf(first, "hello");
  await statusBecomes("1 open, 1 served, 5 bytes received");
  const second = await machine.connect();
  await echoOf(second, "again");
  await statusBecomes("2 open, 2 served, 10 bytes received");
  first.close();
  second.close();
  await statusBecomes("0 open, 2 served, 10 bytes received");
});

Deno.test("during the stop the status shows it", async () => {
  const conn = await machine.connect();
  await echoOf(conn, "hello");
  const main = await machine.mainPid(SERVER);
  // Not by systemd, which would know by itself.
  await machine.run("kill", "-TERM", String(main));
  await machine.reaches(SERVER, "deactivating (stop-sigterm)");
  conn.close();
  await machine.reaches(SERVER, "inactive (dead)");
  assertEquals((await machine.show(SERVER, "Result")).Result, "success");
});

Deno.test("a server that hangs is ended by the watchdog, and the next connection is served", async () => {
  const shipped = await machine.run("systemctl", "cat", SERVER);
  assert(
    shipped.includes("WatchdogSec=30s"),
    "the shipped unit has a watchdog",
  );
  const directory = `/run/systemd/system/${SERVER}.d`;
  await machine.run("mkdir", "-p", directory);
  await machine.write(
    `${directory}/impatient.conf`,
    "[Service]\nWatchdogSec=1s\n",
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", SERVER);
  const hanging = await machine.mainPid(SERVER);
  await machine.run("kill", "-STOP", String(hanging));
  await connectEchoLeave("after the hang");
  assertNotEquals(await machine.mainPid(SERVER), hanging);
  assertEquals((await machine.show(SERVER, "NRestarts")).NRestarts, "1");
  await machine.run("rm", "-r", directory);
  await machine.systemctl("daemon-reload");
});

Deno.test("the idle exit loses no connection, at any moment", async () => {
  const rounds = SOAK_MINUTES === undefined ? 120 : 1_000;
  const timeout = 50;
  await machine.systemctl("stop", SERVER, SOCKET);
  await machine.write(
    "/etc/default/ipc-server",
    `IPC_SERVER_OPTIONS=--quiet --idle-timeout ${timeout}ms\n`,
  );
  await machine.systemctl("start", SOCKET);
  await withRandom(async (random) => {
    for (let round = 0; round < rounds; round++) {
      await connectEchoLeave(`round ${round}`);
      // Not a wait: the pause is the tested condition, close to the time-out.
      const pause = timeout - 10 + random.next() % 25;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  });
  await machine.reaches(SERVER, "inactive (dead)");
  await machine.reaches(SOCKET, "active (listening)");
  const starts =
    (await machine.journal(SERVER)).filter(({ message }) =>
      message === "server start"
    ).length;
  assert(starts > rounds / 5, `it was idle for ${starts} times only`);
});
