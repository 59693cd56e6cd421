// Services made with the library, as systemd sees them.

import { assertEquals, assertMatch } from "@std/assert";
import { formatJournalFields } from "../../daemon/journal_send.ts";
import { eventually } from "../support/eventually.ts";
import { Machine } from "./machine.ts";
import { installService, JOURNAL, service } from "./programs.ts";

const TOKEN = "SetCredential=token:secret";

const machine = new Machine({ prepare: () => Promise.resolve() });
Deno.test.beforeAll(async () => {
  await installService(machine);
  await machine.units({
    "notifying.service": service("notifying", "Type=notify"),
    "recording.service": service("recording", "Type=notify", TOKEN),
  });
});

Deno.test("a Type=notify service is active after READY, with a status that systemd accepts", async () => {
  const unit = "notifying.service";
  await machine.systemctl("start", "--no-block", unit);
  await machine.shows(unit, {
    ...{ StatusText: "waiting for SIGUSR1", SubState: "start" },
  });
  await machine.systemctl("kill", "--signal=SIGUSR1", unit);
  await machine.reaches(unit, "active (running)");
  assertMatch(
    await machine.show(unit, "StatusText"),
    // systemd 252 shows no backslashes.
    /^NotifyError \\*x1b\[31m\\*u\{202e\}é+…$/u,
  );
  await machine.systemctl("stop", unit);
  await machine.shows(unit, { Result: "success" });
});

/** The entries of the journal with these fields, without the journal's own. */
async function entries(
  ...fields: string[]
): Promise<Record<string, unknown>[]> {
  const found = await eventually(
    `the journal has an entry with ${fields}`,
    () => machine.run("journalctl", "--output=json", "--quiet", ...fields),
    (text) => text !== "",
  );
  return found.trimEnd().split("\n").map((line) => {
    const own = Object.entries(JSON.parse(line)).filter(([name]) =>
      !/^(_|CODE_|SYSLOG_TIMESTAMP$)/.test(name)
    );
    return Object.fromEntries(own);
  });
}

Deno.test("journalSend() and loggers record fields; a credential is that of the unit", async () => {
  const unit = "recording.service";
  await machine.systemctl("start", unit);
  const ours = {
    MESSAGE: "several\nlines",
    PRIORITY: "5",
    SYSLOG_IDENTIFIER: "ipc-test",
    TEST_BYTES: [0, 10, 255],
    TEST_CASE: "fields",
    TEST_LINES: "one\ntwo",
    TEST_NUMBER: ["1", "2"],
  };
  const all = await entries("TEST_CASE=fields", `_SYSTEMD_UNIT=${unit}`);
  assertEquals(all, [ours]);
  const logged = { MESSAGE: "logged", PRIORITY: "4", TEST_CASE: "logger" };
  const SYSLOG_IDENTIFIER = "ipc-test";
  const logs = await entries("TEST_CASE=logger");
  assertEquals(logs, [{ ...logged, SYSLOG_IDENTIFIER }]);
  const [credentials] = await entries("TEST_CASE=credentials");
  assertEquals(credentials!.MESSAGE, "secret");
});

Deno.test("journalSend() accepts the names of fields that the journal records", async () => {
  const names = [
    ...["A", "Z9_", "A_", "AZ", "A".repeat(64), "A".repeat(65)],
    ...["_A", "__A", "9A", "a", "Aa", "A-B", "A.B", "A B", "É", "A\tB"],
  ];
  // Journald drops single fields of a record.
  const fields = names.map((name) => `${name}=x\n`);
  await machine.write("/run/record", `TEST_CASE=names\n${fields.join("")}`);
  await machine.run(`socat -u OPEN:/run/record UNIX-SENDTO:${JOURNAL}`);
  const [entry] = await entries("TEST_CASE=names");
  const recorded = names.filter((name) => Object.hasOwn(entry!, name));
  const accepted = names.filter((name) => {
    try {
      return formatJournalFields({ [name]: "x" }).length > 0;
    } catch {
      return false;
    }
  });
  assertEquals(accepted, recorded);
});
