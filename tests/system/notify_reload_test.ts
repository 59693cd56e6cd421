// Type=notify-reload, which systemd 252 does not have: on Debian 13.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { debian } from "./debian.ts";
import { Machine } from "./machine.ts";
import { installServices, service } from "./service_units.ts";

const UNIT = "configured.service";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    root: await debian("trixie"),
    prepare: (tree) =>
      installServices(tree, {
        [UNIT]: service("configured", "Type=notify-reload"),
      }),
  });
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

Deno.test("systemctl reload of a Type=notify-reload service waits for onReload()", async () => {
  const version = await machine.systemctl("--version");
  assert(Number(/^systemd ([0-9]+)/.exec(version)?.[1]) >= 257, version);
  await machine.systemctl("start", UNIT);
  const pid = await machine.mainPid(UNIT);
  for (const reload of [1, 2]) {
    const reloading = machine.systemctl("reload", UNIT);
    await eventually(
      `reload ${reload} has begun`,
      () => machine.show(UNIT, "ActiveState", "SubState", "StatusText"),
      ({ ActiveState, StatusText }) =>
        ActiveState === "reloading" && StatusText === `reload ${reload}`,
    );
    await machine.systemctl("kill", "--signal=SIGUSR1", UNIT);
    await reloading;
    await machine.reaches(UNIT, "active (running)");
  }
  assertEquals(await machine.mainPid(UNIT), pid);
  assertEquals((await machine.show(UNIT, "Result")).Result, "success");
});
