// Services made with the library, as systemd sees them.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { formatJournalFields } from "../../daemon/journal_send.ts";
import { eventually } from "../support/eventually.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { Machine } from "./machine.ts";
import { installServices, JOURNAL, service, socket } from "./service_units.ts";

const CREDENTIALS = "/run/credentials/recording.service";

const UNITS: Record<string, string> = {
  "notifying.service": service("notifying", "Type=notify"),
  "careful.service": service("careful", "Type=notify", "TimeoutStartSec=10s"),
  "reloading.service": service(
    "reloading",
    "Type=notify",
    "ExecReload=kill -HUP $MAINPID",
  ),
  "configured.service": service(
    "configured",
    "Type=notify",
    "ExecReload=kill -HUP $MAINPID",
  ),
  "recording.service": service(
    "recording",
    "Type=notify",
    "SetCredential=token:secret",
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
  "claiming.socket": socket("claiming", "FileDescriptorName=web"),
  "claiming-log.socket": [
    "[Socket]",
    "ListenDatagram=127.0.0.1:514",
    "FileDescriptorName=log",
    "Service=claiming.service",
    "",
  ].join("\n"),
  "claiming.service": service(
    "claiming",
    "Sockets=claiming.socket claiming-log.socket",
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

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: (tree) => installServices(tree, UNITS),
  });
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

Deno.test("onReload() reloads for as long as its handler runs", async () => {
  const unit = "configured.service";
  await machine.systemctl("start", unit);
  for (const reload of [1, 2]) {
    await machine.systemctl("reload", "--no-block", unit);
    await shows(unit, "StatusText", `reload ${reload}`);
    await shows(unit, "ActiveState", "reloading");
    await machine.systemctl("kill", "--signal=SIGUSR1", unit);
    await machine.reaches(unit, "active (running)");
  }
  await machine.systemctl("stop", unit);
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
      !name.startsWith("_") && name !== "SYSLOG_TIMESTAMP" &&
      !name.startsWith("CODE_")
    );
    return Object.fromEntries(own.sort());
  });
}

Deno.test("journalSend() records fields as systemd-cat and python3-systemd do", async () => {
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
  assertEquals(await entries(`_SYSTEMD_UNIT=${unit}`, "TEST_CASE=fields"), [
    ours,
  ]);
  // A field with several values, and one with bytes, are found by each.
  for (const field of ["TEST_NUMBER=2", "TEST_LINES=one\ntwo"]) {
    assertEquals(await entries("TEST_CASE=fields", field), [ours]);
  }
  await machine.run(
    "/usr/bin/python3",
    "-c",
    String.raw`from systemd import journal
journal.send("several\nlines", PRIORITY="5", SYSLOG_IDENTIFIER="ipc-test",
  TEST_BYTES=b"\0\n\xff", TEST_CASE="python", TEST_LINES="one\ntwo")`,
  );
  const [theirs] = await entries("TEST_CASE=python");
  const { TEST_NUMBER: _, ...same } = ours;
  assertEquals(theirs, { ...same, TEST_CASE: "python" });

  await machine.run(
    "/bin/sh",
    "-c",
    "echo logged | systemd-cat --identifier=ipc-test-cat --priority=warning",
  );
  const [cat] = await entries("SYSLOG_IDENTIFIER=ipc-test-cat");
  assertEquals(await entries("TEST_CASE=logger"), [{
    ...cat,
    SYSLOG_IDENTIFIER: "ipc-test",
    TEST_CASE: "logger",
  }]);
  await machine.systemctl("stop", unit);
});

Deno.test("journalSend() accepts the names of fields that the journal records", async () => {
  const names = [
    ...["A", "Z9_", "A_", "AZ", "A".repeat(64), "A".repeat(65)],
    ...["_A", "__A", "9A", "a", "Aa", "A-B", "A.B", "A B", "É", "A\tB"],
  ];
  const send = `import socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("${JOURNAL}")
for name in sys.argv[1:]:
  journal.send(("MESSAGE=name\\nTEST_CASE=names\\n%s=x\\n" % name).encode())
`;
  await machine.run("/usr/bin/python3", "-c", send, ...names, "TEST_LAST");
  await entries("TEST_LAST=x");
  const recorded = (await entries("TEST_CASE=names")).flatMap((entry) =>
    Object.keys(entry).filter((name) => names.includes(name))
  );
  // systemd's own fields begin with "_": entries() leaves them out.
  const accepted = names.filter((name) => {
    try {
      return formatJournalFields({ [name]: "x" }).length > 0;
    } catch {
      return false;
    }
  });
  assertEquals(accepted, recorded);
});

Deno.test("a credential of the unit is read; the error for another names LoadCredential=", async () => {
  await machine.systemctl("start", "recording.service");
  const [entry] = await entries("TEST_CASE=credentials");
  assertEquals(entry!.MESSAGE, "secret");
  assertEquals(
    entry!.TEST_MISSING,
    `Cannot read the credential "other": there is no ${CREDENTIALS}/other; ` +
      "set LoadCredential=other:PATH in the service unit",
  );
  await machine.systemctl("stop", "recording.service");
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

Deno.test("a stream socket and a UDP socket are claimed by name", async () => {
  await machine.systemctl("start", "claiming.socket", "claiming-log.socket");
  using conn = await machine.connect("/run/claiming.socket");
  const send = `import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for text in [b"one,", b"", b"two"]:
  udp.sendto(text, ("127.0.0.1", 514))`;
  await machine.run("/usr/bin/python3", "-c", send);
  const received = await receive(conn, "one,two".length);
  assertEquals(new TextDecoder().decode(received), "one,two");
  await machine.systemctl("stop", "claiming.service", "claiming.socket");
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
