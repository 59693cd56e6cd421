// The journal has no space: the server serves on. tests/integration has the same for
// the server's own outputs, full and blocked.

import { assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";
const JOURNALD = "systemd-journald.service";
const JOURNAL = "/run/log/journal";

/** A chunk whose line in the log has the maximal length: all of it is escaped. */
const NOISE = "\u{e0001}".repeat(128);
const NOISE_LINE_BYTES = "server recv: ".length + 128 * "\\u{e0001}".length + 1;

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

Deno.test("a full disk under the journal does not affect the server", async () => {
  await machine.run("rm", "-rf", JOURNAL);
  await machine.run("mkdir", JOURNAL);
  await machine.run(
    ...["mount", "-t", "tmpfs", "-o", "size=4m", "small", JOURNAL] as const,
  );
  await machine.systemctl("restart", JOURNALD);
  await machine.systemctl("start", SERVER);
  const pid = await machine.mainPid(SERVER);
  await machine.journalUpTo(SERVER, "server start");
  const filling = await machine.attempt(
    ...["dd", "if=/dev/zero", `of=${JOURNAL}/filler`, "bs=4k"] as const,
  );
  assertMatch(filling.stderr, /No space left on device/);

  {
    using conn = await machine.connect();
    for (let bytes = 0; bytes < 5 * 1024 * 1024; bytes += NOISE_LINE_BYTES) {
      assertEquals(await echoOf(conn, NOISE), NOISE);
    }
  }
  assertEquals(await machine.mainPid(SERVER), pid);
  await eventually(
    "systemd receives the status",
    async () => (await machine.show(SERVER, "StatusText")).StatusText,
    (status) => status.startsWith("0 open, 1 served, "),
  );

  await machine.run("rm", `${JOURNAL}/filler`);
  await machine.systemctl("restart", JOURNALD);
  using later = await machine.connect();
  await eventually(
    "with room again the journal has later lines",
    async () => {
      await echoOf(later, "room again\n");
      return await machine.journal(SERVER);
    },
    (entries) =>
      entries.some(({ message }) => message === "server recv: room again"),
  );
  assertEquals(await machine.mainPid(SERVER), pid);
});
