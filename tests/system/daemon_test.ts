// Services made with the library, as systemd sees them.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile } from "../support/compile.ts";
import { eventually } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";
import { Machine, type Tree } from "./machine.ts";

const SERVICE = "/usr/local/bin/ipc-test-service";
const NOTIFY = "/run/systemd/notify";

/** What the service may do: the rows of the library's permission table. */
const PERMISSIONS = [
  "--allow-env=NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID,LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES",
  `--allow-net=unix:${NOTIFY}`,
  `--allow-write=${NOTIFY}`,
  "--allow-sys=inspector",
];

const UNITS: Record<string, string> = {
  "notifying.service": service("notifying", "Type=notify"),
  "careful.service": service("careful", "Type=notify", "TimeoutStartSec=10s"),
  "reloading.service": service(
    "reloading",
    "Type=notify",
    "ExecReload=kill -HUP $MAINPID",
  ),
  "watched.service": service(
    "watched",
    "Type=notify",
    "WatchdogSec=500ms",
    "Restart=on-watchdog",
    "RestartSec=0",
    // A core dump would only take time.
    "WatchdogSignal=SIGKILL",
  ),
  "accepting.socket": socket("accepting", "Accept=yes"),
  "accepting@.service": service("connected"),
  "inetd.socket": socket("inetd", "Accept=yes"),
  "inetd@.service": service(
    "connected",
    "StandardInput=socket",
    "StandardOutput=journal",
  ),
};

function service(face: string, ...lines: string[]): string {
  return ["[Service]", `ExecStart=${SERVICE} ${face}`, ...lines, ""].join("\n");
}

function socket(name: string, ...lines: string[]): string {
  return ["[Socket]", `ListenStream=/run/${name}.socket`, ...lines, ""]
    .join("\n");
}

async function installServices(tree: Tree): Promise<void> {
  using directory = new TempDir();
  const executable = directory.join("service");
  await compile(`${import.meta.dirname}/service.ts`, executable, PERMISSIONS);
  await tree.run("install", "-D", executable, `${tree.root}${SERVICE}`);
  for (const [name, text] of Object.entries(UNITS)) {
    await Deno.writeTextFile(directory.join(name), text);
    await tree.run(
      ...["install", "-D", "--mode=644", directory.join(name)] as const,
      `${tree.root}/etc/systemd/system/${name}`,
    );
  }
}

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({ prepare: installServices });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

Deno.test("a Type=notify service is active after READY, and its status is shown", async () => {
  const unit = "notifying.service";
  await machine.systemctl("start", "--no-block", unit);
  await shows(unit, "StatusText", "waiting for SIGUSR1");
  assertEquals(
    await machine.show(unit, "ActiveState", "SubState"),
    { ActiveState: "activating", SubState: "start" },
  );
  await machine.systemctl("kill", "--signal=SIGUSR1", unit);
  await machine.reaches(unit, "active (running)");
  await shows(unit, "StatusText", "at work");
  await machine.systemctl("stop", unit);
  assertEquals((await machine.show(unit, "Result")).Result, "success");
});

Deno.test("a status that systemd would discard is cleaned and shortened, and READY arrives", async () => {
  const unit = "careful.service";
  await machine.systemctl("start", unit);
  await machine.reaches(unit, "active (running)");
  const { StatusText } = await machine.show(unit, "StatusText");
  // systemd 252 shows no backslashes.
  assertMatch(StatusText!, /^NotifyError \\*x1b\[31m\\*u\{202e\}é+…$/u);
  await machine.systemctl("stop", unit);
});

Deno.test("a reload lasts until the service sends READY", async () => {
  const unit = "reloading.service";
  await machine.systemctl("start", unit);
  await machine.systemctl("reload", "--no-block", unit);
  await shows(unit, "StatusText", "true");
  await shows(unit, "ActiveState", "reloading");
  await machine.systemctl("kill", "--signal=SIGHUP", unit);
  await machine.reaches(unit, "active (running)");
  await machine.systemctl("stop", unit);
});

Deno.test("the watchdog lets a healthy service live, and ends one that hangs", async () => {
  const unit = "watched.service";
  await machine.systemctl("start", unit);
  const pid = await machine.mainPid(unit);
  // Two pings take an interval.
  await machine.pinged(unit, 8);
  assertEquals(await machine.mainPid(unit), pid);
  assertEquals((await machine.show(unit, "NRestarts")).NRestarts, "0");

  await machine.systemctl("kill", "--signal=SIGUSR1", unit);
  await shows(unit, "NRestarts", "1");
  await machine.reaches(unit, "active (running)");
  assert(await machine.mainPid(unit) !== pid);
  await machine.systemctl("stop", unit);
});

for (const name of ["accepting", "inetd"]) {
  Deno.test(`each connection to ${name}.socket has its own service`, async () => {
    await machine.systemctl("start", `${name}.socket`);
    const conns = await Promise.all(
      Array.from({ length: 3 }, () => machine.connect(`/run/${name}.socket`)),
    );
    await shows(`${name}.socket`, "NConnections", "3");
    for (const [i, conn] of conns.entries()) await send(conn, `peer ${i}`);
    for (const conn of conns) await conn.closeWrite();
    for (const [i, conn] of conns.entries()) {
      assertEquals(await receiveAllText(conn), `peer ${i}`);
      conn.close();
    }
    await shows(`${name}.socket`, "NConnections", "0");
    assertEquals(
      await machine.systemctl("list-units", "--failed", "--no-legend"),
      "",
    );
  });
}

async function shows(
  unit: string,
  property: string,
  value: string,
): Promise<void> {
  await eventually(
    `${unit} has ${property}=${value}`,
    async () => (await machine.show(unit, property))[property],
    (now) => now === value,
  );
}
