// The main job at its real pace, after README's "Drop in": two executables and three
// units are copied, an operator starts the client, and systemd does the rest.

import { assert, assertEquals, assertFalse } from "@std/assert";
import { page } from "../docs/pages.ts";
import { REPOSITORY } from "../support/program.ts";
import { assertShown, transcript } from "../support/transcript.ts";
import { CLIENT, Machine, SERVER, SOCKET, SOCKET_PATH } from "./machine.ts";

const NUMBERS = Array.from({ length: 10 }, (_, index) => String(index + 1));
const SENT = [...NUMBERS, "close"];
const CLIENT_LINES = [
  "client start",
  `connect server by socket:${SOCKET_PATH}`,
  ...SENT.flatMap((text) => [`input data: ${text}`, `recv:${text}`]),
];
const SERVER_LINES = SENT.map((text) => `server recv: ${text}`);

/** Where the five files are before they are copied. */
const SOURCE = "/root/ipc";

const machine = new Machine({
  prepare: ({ root, run }) =>
    run(
      `cd ${REPOSITORY}; mkdir ${root}${SOURCE}; cp --parents -t ${root}${SOURCE} \
      bin/ipc-server bin/ipc-client units/${SOCKET} units/${SERVER} units/${CLIENT}`,
    ),
});

Deno.test("the client's connection starts the server", async () => {
  const [, commands] = /^## Drop in\n.*?^```sh\n(.*?)^```/ms
    .exec(page("README.md"))!;
  const [start, ...copy] = commands!.replaceAll("sudo ", "").trimEnd()
    .split("\n").reverse();
  await machine.run(`cd ${SOURCE}; ${copy.toReversed().join("\n")}`);
  const needs = await machine.systemctl("list-dependencies", CLIENT);
  assert(needs.includes(SOCKET), needs);
  assertFalse(needs.includes(SERVER), needs);
  await machine.reaches(SOCKET, "inactive (dead)");

  await machine.run(start!);
  for (const unit of [SERVER, SOCKET, CLIENT]) {
    await machine.reaches(unit, "active (running)");
  }
  const started = async (unit: string) =>
    Number(await machine.show(unit, "ExecMainStartTimestampMonotonic"));
  assert(await started(CLIENT) < await started(SERVER));
});

Deno.test("the client sends a number every 2 s, then close, and prints each reply", async () => {
  const lines = await machine.journalUpTo(CLIENT, "recv:close");
  assertEquals(lines, CLIENT_LINES);
  const log = await machine.run(`journalctl --output=short-unix -t ipc-client`);
  const times = Array.from(
    log.matchAll(/^([\d.]+) .*: input data: \d+$/gm),
    ([, seconds]) => Number(seconds),
  );
  assertEquals(times.length, NUMBERS.length);
  const pauses = times.slice(1).map((time, index) => time - times[index]!);
  // The median: a busy machine delays single lines.
  const median = pauses.toSorted((a, b) => a - b)[4]!;
  assert(median > 1.9 && median < 3, `pauses of ${pauses.join(", ")} s`);
  await machine.shows(CLIENT, {
    ...{ ActiveState: "inactive", Result: "success" },
    ...{ ExecMainStatus: "0", NRestarts: "0" },
  });
});

Deno.test("the server is still there, and has logged what it received and nothing else", async () => {
  const lines = await machine.journalUpTo(SERVER, "server recv: close");
  assertEquals(lines, ["server start", ...SERVER_LINES]);
  await machine.reaches(SERVER, "active (running)");
  for (const name of ["ipc-client", "ipc-server"]) {
    const command = `journalctl -o cat -t ${name}`;
    const { commands, shows } = transcript(command);
    assertEquals(commands, [command]);
    assertShown(shows, (await machine.run(command)).trimEnd().split("\n"));
  }
});

Deno.test("systemd logged no warning", async () => {
  const warnings = await machine.run(
    `journalctl --priority=warning --output=cat --quiet \
      --unit=${SOCKET} --unit=${SERVER} --unit=${CLIENT}`,
  );
  // Of a container without all controllers (systemd 258 and newer).
  const others = warnings.replaceAll(/.*Failed to read pids\.max .*\n/g, "");
  assertEquals(others, "");
});

Deno.test("a stop of the socket stops the client before the server: it does not fail", async () => {
  await using _ = await machine.dropIn(CLIENT, "[Service]\nKillSignal=SIGCONT");
  await machine.systemctl("start", SERVER, CLIENT);
  await machine.systemctl("stop", "--no-block", SOCKET);
  await machine.reaches(CLIENT, "deactivating (stop-sigterm)");
  await machine.reaches(SERVER, "active (running)");
  await machine.systemctl("kill", CLIENT);
  await machine.reaches(CLIENT, "inactive (dead)");
  await machine.reaches(SERVER, "inactive (dead)");
});
