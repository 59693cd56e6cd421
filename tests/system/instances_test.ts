// ipc-server@.socket and ipc-server@.service: several servers, each with its own socket.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { Machine } from "./machine.ts";

const ONE = "one";
const OTHER = "blue-green.2";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

const socket = (instance: string) => `ipc-server@${instance}.socket`;
const service = (instance: string) => `ipc-server@${instance}.service`;

/** Has the instance echo something. */
async function assertServes(instance: string): Promise<void> {
  using conn = await machine.connect(`/run/ipc-server/${instance}.socket`);
  assertEquals(await echoOf(conn, `${instance}\n`), `${instance}\n`);
}

async function lines(instance: string): Promise<string[]> {
  const entries = await machine.journal(service(instance));
  return entries.map(({ message }) => message);
}

Deno.test("two instances serve at once, each on its own socket, with its own options and root", async () => {
  await machine.write(
    `/etc/default/ipc-server@${OTHER}`,
    "IPC_SERVER_OPTIONS=--quiet\n",
  );
  await machine.systemctl("enable", "--now", socket(ONE), socket(OTHER));
  for (const instance of [ONE, OTHER]) {
    await machine.reaches(service(instance), "inactive (dead)");
    await assertServes(instance);
    await machine.reaches(service(instance), "active (running)");
  }
  assertEquals(await lines(ONE), ["server start", `server recv: ${ONE}`]);
  assertEquals(await lines(OTHER), ["server start"]);
  await machine.reaches("ipc-server.socket", "inactive (dead)");

  const processes = await Promise.all([ONE, OTHER].map(async (instance) => {
    const pid = await machine.mainPid(service(instance));
    const root = await machine.run(
      ...["stat", "--format=%d:%i", `/proc/${pid}/root/run`],
    );
    return { pid, root };
  }));
  for (const what of ["pid", "root"] as const) {
    assertNotEquals(processes[0]![what], processes[1]![what], what);
  }
});

Deno.test("an instance is rated as ipc-server.service is", async () => {
  for (const instance of [ONE, OTHER]) {
    const report = await machine.run(
      ...["systemd-analyze", "security", "--no-pager", service(instance)],
    );
    assert(/exposure level for \S+: 0\.1 /.test(report), report);
  }
});

Deno.test("an instance that crashes, or is stopped, leaves the other alone", async () => {
  const other = await machine.mainPid(service(OTHER));
  const killed = await machine.mainPid(service(ONE));
  await machine.run("kill", "-KILL", `${killed}`);
  await assertServes(ONE);
  assertNotEquals(await machine.mainPid(service(ONE)), killed);
  await machine.systemctl("stop", socket(ONE), service(ONE));
  await assertServes(OTHER);
  assertEquals(await machine.mainPid(service(OTHER)), other);
});

Deno.test("instances and ipc-server.service run beside each other", async () => {
  await machine.systemctl("start", "ipc-server.socket", socket(ONE));
  await assertServes("job");
  await assertServes(ONE);
  await assertServes(OTHER);
  await machine.reaches("ipc-server.service", "active (running)");
});

Deno.test("an instance whose name systemd-escape made serves as any other", async () => {
  const escaped = "blue\\x2dgreen";
  await machine.systemctl("start", socket(escaped));
  await assertServes(escaped);
  await machine.systemctl("stop", socket(escaped), service(escaped));
});

Deno.test("disabled and stopped, an instance leaves nothing behind", async () => {
  await machine.systemctl("disable", socket(ONE), socket(OTHER));
  await machine.systemctl(
    ...["stop", socket(ONE), socket(OTHER), service(ONE), service(OTHER)],
  );
  const found = await machine.run(
    "find",
    "/run",
    "/etc/systemd",
    "-name",
    "*ipc-server@*",
  );
  assertEquals(
    found.split("\n").filter((path) => !path.startsWith("/run/systemd/"))
      .join(),
    "",
  );
});
