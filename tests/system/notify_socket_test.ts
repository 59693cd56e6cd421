// The manager chooses the path of its notify socket.

import { assertStringIncludes } from "@std/assert";
import { NOTIFY_SOCKETS } from "../../server/status_report.ts";
import { eventually } from "../support/eventually.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";
const DROP_IN = `/etc/systemd/system/${SERVER}.d/notify.conf`;
const SYSTEMD = "/run/systemd/notify";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
  await machine.run("mkdir", "-p", DROP_IN.replace(/[^/]+$/, ""));
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Starts the server with the notify socket at another path. */
async function start(path: string): Promise<void> {
  await machine.write(
    DROP_IN,
    `[Service]
Environment=NOTIFY_SOCKET=${path}
BindReadOnlyPaths=${SYSTEMD}:${path}
`,
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", "--no-block", SERVER);
}

for (const path of NOTIFY_SOCKETS.filter((path) => path !== SYSTEMD)) {
  Deno.test(`the server becomes ready by ${path}`, async () => {
    await start(path);
    await machine.reaches(SERVER, "active (running)");
    await machine.systemctl("stop", SERVER);
  });
}

Deno.test("a notify socket that the server may not use is reported with the next step", async () => {
  await start("/run/other/notify");
  const log = await eventually(
    "the journal has the warning",
    () => machine.run("journalctl", "--output=cat", `--unit=${SERVER}`),
    (text) => text.includes("NOTIFY_SOCKET="),
  );
  assertStringIncludes(
    log,
    `NOTIFY_SOCKET=/run/other/notify cannot be used: the executable may only send to ${
      NOTIFY_SOCKETS.join(", ")
    }; `,
  );
  await machine.systemctl("stop", SERVER);
});
