// The life of the server, as systemd sees it: socket, status, stop, watchdog.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { NOTIFY_SOCKETS } from "../../server/notify_problem.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { enable, Machine, SERVER, SOCKET, SOCKET_PATH } from "./machine.ts";

const machine = new Machine({ prepare: enable(SOCKET) });
Deno.test.beforeAll(() => machine.startLimitInterval("0"));

Deno.test("an enabled socket listens after the boot, and the server has never run", async () => {
  await machine.reaches(SOCKET, "active (listening)");
  await machine.shows(SERVER, { ExecMainStartTimestampMonotonic: "0" });
});

Deno.test("the status shows the open and past connections and their bytes; a stop by another than systemd is notified", async () => {
  await machine.systemctl("start", SERVER);
  const status = "0 open, 0 served, 0 bytes received";
  // "Started" means READY: no wait is needed.
  assertEquals(await machine.show(SERVER, "StatusText"), status);
  const conn = await machine.connect();
  await echoOf(conn, "hello");
  await machine.shows(SERVER, {
    StatusText: "1 open, 1 served, 5 bytes received",
  });
  await machine.run(`kill -TERM ${await machine.mainPid(SERVER)}`);
  await machine.reaches(SERVER, "deactivating (stop-sigterm)");
  conn.close();
  await machine.shows(SERVER, { ActiveState: "inactive", Result: "success" });
});

Deno.test("a stop during a connection is clean; the client gets EOF, and the next one a new server", async () => {
  using conn = await machine.connect();
  assertEquals(await echoOf(conn, "wait\n"), "wait\n");
  await machine.systemctl("stop", SERVER);
  await machine.shows(SERVER, { ActiveState: "inactive", Result: "success" });
  assertEquals(await receiveAllText(conn), "");
  await machine.assertServed();
});

Deno.test("a server that hangs is ended by the watchdog, and the next connection is served", async () => {
  assertEquals(await machine.show(SERVER, "WatchdogUSec"), "30s");
  await using _ = await machine.dropIn(SERVER, "[Service]\nWatchdogSec=1s");
  await machine.systemctl("restart", SERVER);
  // On a busy machine, the watchdog may end it earlier: no process id is kept.
  await machine.systemctl("kill", "--signal=SIGSTOP", SERVER);
  await machine.assertServed();
  assert(await machine.show(SERVER, "NRestarts") !== "0");
});

const SYSTEMD = "/run/systemd/notify";
const FOREIGN = "/run/other/notify";
for (const path of [...NOTIFY_SOCKETS, FOREIGN]) {
  if (path === SYSTEMD) continue;
  Deno.test(`the manager's notify socket may be ${path}`, async () => {
    await machine.systemctl("stop", SERVER);
    await using _ = await machine.dropIn(
      SERVER,
      `[Service]
Environment=NOTIFY_SOCKET=${path}
BindReadOnlyPaths=${SYSTEMD}:${path}`,
    );
    await machine.systemctl("start", "--no-block", SERVER);
    if (path !== FOREIGN) {
      return await machine.reaches(SERVER, "active (running)");
    }
    await eventually(
      "the journal has the warning",
      () => machine.run(`journalctl --output=cat --unit=${SERVER}`),
      (text) => text.includes(`NOTIFY_SOCKET=${path} cannot be used: `),
    );
  });
}

Deno.test("the socket outlives the server, not the socket unit, and is started before the server", async () => {
  await machine.systemctl("stop", SERVER);
  assert(await machine.has(SOCKET_PATH), "the server has removed the socket");
  await machine.systemctl("stop", SOCKET);
  await assertRejects(() => machine.connect(), Deno.errors.NotFound);
  await machine.systemctl("start", SERVER);
  await machine.reaches(SOCKET, "active (running)");
});
