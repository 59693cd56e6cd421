// The server's output has no space or no reader: it serves on.

import { assertEquals, assertMatch } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, receiveAllText } from "../support/peer.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";
const JOURNALD = "systemd-journald.service";

/** How much systemd lets wait in the socket to the journal; the kernel doubles it. */
const SOCKET_BYTES = 2 * 8 * 1024 * 1024;

/** The most that the server keeps of unwritten lines. */
const SERVER_BYTES = 2 * 1024 * 1024;

/** What makes a line in the log as long as one can be: all of it is escaped. */
const NOISE = "\u{e0001}".repeat(128);
const NOISE_LINE_BYTES = "server recv: ".length + 128 * "\\u{e0001}".length + 1;

/** More than fits anywhere on its way to the journal. */
const MANY_LINES = Math.ceil(
  1.1 * (SOCKET_BYTES + SERVER_BYTES) / NOISE_LINE_BYTES,
);

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Starts the server anew, with these options and settings of its unit. */
async function startAnew(options: string, ...settings: string[]) {
  await machine.systemctl("stop", SERVER, SOCKET);
  const directory = `/run/systemd/system/${SERVER}.d`;
  await machine.run("mkdir", "-p", directory);
  await machine.write(
    `${directory}/output.conf`,
    `[Service]\n${settings.join("\n")}\n`,
  );
  await machine.write(
    "/etc/default/ipc-server",
    `IPC_SERVER_OPTIONS=${options}\n`,
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", SOCKET, SERVER);
  return await machine.mainPid(SERVER);
}

/** Makes N lines in the log, one for each echoed chunk. */
async function makeNoise(conn: Deno.Conn, lines: number): Promise<void> {
  for (let line = 0; line < lines; line++) {
    assertEquals(await echoOf(conn, NOISE), NOISE);
  }
}

/** The journal entries with this message. */
async function told(text: string): Promise<string> {
  const found = await machine.attempt(
    ...["journalctl", "--quiet", "--output=cat", `--grep=${text}`],
  );
  return found.stdout;
}

/** A file system in memory, of N KiB. */
async function mountSmall(path: string, kibibytes: number): Promise<void> {
  await machine.run("mkdir", "-p", path);
  await machine.run(
    ...["mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "small", path],
  );
}

/** Fills a file system to its last byte. */
async function fill(path: string): Promise<void> {
  const dd = await machine.attempt(
    ...["dd", "if=/dev/zero", `of=${path}/filler`, "bs=4k"],
  );
  assertMatch(dd.stderr, /No space left on device/);
}

Deno.test("a full disk under its output loses log lines, which is reported, and nothing else", async () => {
  await mountSmall("/small", 64);
  const pid = await startAnew(
    "",
    "StandardOutput=append:/small/out",
    "StandardError=journal",
  );
  const conn = await machine.connect();
  await makeNoise(conn, 2 * 64 * 1024 / NOISE_LINE_BYTES);

  const warning = await eventually(
    "the journal tells of lost lines",
    () => told("lines lost"),
    (text) => text !== "",
  );
  assertMatch(
    warning,
    /^Cannot write output: No space left on device.*; lines lost: \d+\n$/,
  );

  // As an operator would make room: later lines go to the end.
  await machine.run("truncate", "--size=0", "/small/out");
  const last = "room again";
  assertEquals(await echoOf(conn, `${last}\n`), `${last}\n`);
  await eventually(
    "the file has the line that came after there was room again",
    () => machine.run("cat", "/small/out"),
    (text) =>
      text.endsWith(`\nserver recv: ${last}\n`) ||
      text === `server recv: ${last}\n`,
  );
  conn.close();
  assertEquals(await machine.mainPid(SERVER), pid);
});

// Only for `make soak`: filling the journal's queue takes long.
// tests/integration has the same with a pipe, in which less fits.
if (SOAK_MINUTES !== undefined) {
  Deno.test(
    "a journal that hangs is told later what was lost, and nobody waits for it",
    hangJournal,
  );
}

Deno.test("a full disk under the journal does not affect the server", async () => {
  await machine.run("rm", "-rf", "/run/log/journal");
  await mountSmall("/run/log/journal", 4 * 1024);
  await machine.systemctl("restart", JOURNALD);
  const pid = await startAnew("");
  await machine.journalUpTo(SERVER, "server start");
  await fill("/run/log/journal");

  const conn = await machine.connect();
  await makeNoise(conn, 5 * 1024 * 1024 / NOISE_LINE_BYTES);
  conn.close();
  assertEquals(await machine.mainPid(SERVER), pid);
  await eventually(
    "systemd is told of it as ever",
    async () => (await machine.show(SERVER, "StatusText")).StatusText,
    (status) => status.startsWith("0 open, 1 served, "),
  );

  await machine.run("rm", "/run/log/journal/filler");
  await machine.systemctl("restart", JOURNALD);
  const later = await machine.connect();
  await eventually(
    "with room again the journal has what comes",
    async () => {
      await echoOf(later, "room again\n");
      return await machine.journal(SERVER);
    },
    (entries) =>
      entries.some(({ message }) => message === "server recv: room again"),
  );
  later.close();
  assertEquals(await machine.mainPid(SERVER), pid);
});

async function hangJournal(): Promise<void> {
  const pid = await startAnew("--max-connections 1 --max-waiting 0");
  const conn = await machine.connect();
  assertEquals(await echoOf(conn, "before\n"), "before\n");
  await machine.journalUpTo(SERVER, "server recv: before");
  const journald = String(await machine.mainPid(JOURNALD));

  await machine.run("kill", "-STOP", journald);
  try {
    await makeNoise(conn, MANY_LINES);
    // It is refused, which is a warning: nor may that wait.
    const refused = await machine.connect();
    assertEquals(await receiveAllText(refused), "");
    refused.close();
    await makeNoise(conn, 100);
  } finally {
    await machine.run("kill", "-CONT", journald);
  }

  for (
    const warning of ["Closed 1 connection: ", "nobody read them in time"]
  ) {
    await eventually(
      `the journal has "${warning}"`,
      () => told(warning),
      (text) => text !== "",
    );
  }
  assertEquals(
    await soon("it is served as ever", echoOf(conn, "after\n")),
    "after\n",
  );
  conn.close();
  assertEquals(await machine.mainPid(SERVER), pid);
}
