// The main job at its real pace: an operator starts the client, and systemd does
// the rest.

import { assert, assertEquals, assertFalse } from "@std/assert";
import { assertConfined } from "./confinement.ts";
import {
  assertShown,
  MACHINE_COMMANDS,
  transcript,
} from "../support/transcript.ts";
import { type JournalEntry, Machine, SOCKET_PATH } from "./machine.ts";

const SOCKET = "ipc-server.socket";
const SERVER = "ipc-server.service";
const CLIENT = "ipc-client.service";

const NUMBERS = Array.from({ length: 10 }, (_, index) => String(index + 1));
const SENT = [...NUMBERS, "close"];
const CLIENT_LINES = [
  "client start",
  `connect server by socket:${SOCKET_PATH}`,
  ...SENT.flatMap((text) => [`input data: ${text}`, `recv:${text}`]),
];
const SERVER_LINES = SENT.map((text) => `server recv: ${text}`);

const messages = (entries: JournalEntry[]) =>
  entries.map(({ message }) => message);

Deno.test("the main job: the client's connection starts the server", async (t) => {
  await using machine = await Machine.boot();

  await t.step("the client needs the socket, not the server", async () => {
    const needs = await machine.systemctl("list-dependencies", CLIENT);
    assert(needs.includes(SOCKET), needs);
    assertFalse(needs.includes(SERVER), needs);
  });

  await t.step(
    "starting the client makes systemd listen, and its connection starts the server",
    async () => {
      await machine.reaches(SOCKET, "inactive (dead)");
      await machine.systemctl("start", CLIENT);
      await machine.reaches(SERVER, "active (running)");
      await machine.reaches(SOCKET, "active (running)");
      await machine.reaches(CLIENT, "active (running)");
      const started = async (unit: string) => {
        const name = "ExecMainStartTimestampMonotonic";
        return Number((await machine.show(unit, name))[name]);
      };
      assert(await started(CLIENT) < await started(SERVER));
    },
  );

  await t.step("server and client run confined", async () => {
    await assertConfined(machine, SERVER);
    await assertConfined(machine, CLIENT);
  });

  await t.step(
    "the client sends a number every 2 s, then close, and prints each reply",
    async () => {
      const entries = await machine.journalUpTo(CLIENT, "recv:close", {
        within: 40_000,
      });
      assertEquals(messages(entries), CLIENT_LINES);
      const times = NUMBERS.map((number) =>
        entries.find(({ message }) => message === `input data: ${number}`)!
          .milliseconds
      );
      for (const [index, time] of times.slice(1).entries()) {
        const pause = time - times[index]!;
        assert(
          pause > 1500 && pause < 2500,
          `${pause} ms after ${NUMBERS[index]}`,
        );
      }
    },
  );

  await t.step("the client unit ends inactive, with success", async () => {
    await machine.reaches(CLIENT, "inactive (dead)");
    assertEquals(await machine.show(CLIENT, "Result", "ExecMainStatus"), {
      Result: "success",
      ExecMainStatus: "0",
    });
  });

  await t.step(
    "the server is still there, and has logged what it received and nothing else",
    async () => {
      const entries = await machine.journalUpTo(SERVER, "server recv: close");
      assertEquals(messages(entries), ["server start", ...SERVER_LINES]);
      await machine.reaches(SERVER, "active (running)");
    },
  );

  await t.step("the journal has the lines of the pages", async () => {
    for (const command of MACHINE_COMMANDS) {
      const { commands, shows } = transcript(command);
      assertEquals(commands, [command]);
      const journal = await machine.run("sh", "-c", command);
      assertShown(shows, journal.trimEnd().split("\n"));
    }
  });

  await t.step(
    "a second client is served by the same server; its environment file sets the pace",
    async () => {
      const server = await machine.mainPid(SERVER);
      await machine.write(
        "/etc/default/ipc-client",
        'IPC_CLIENT_OPTIONS="--interval 50ms"\n',
      );
      await machine.systemctl("start", CLIENT);
      await machine.reaches(CLIENT, "inactive (dead)");

      assertEquals(await machine.show(CLIENT, "Result"), { Result: "success" });
      const twice = { times: 2 };
      const heard = await machine.journalUpTo(CLIENT, "recv:close", twice);
      assertEquals(messages(heard), [...CLIENT_LINES, ...CLIENT_LINES]);
      const logged = await machine.journalUpTo(
        SERVER,
        "server recv: close",
        twice,
      );
      assertEquals(messages(logged), [
        "server start",
        ...SERVER_LINES,
        ...SERVER_LINES,
      ]);
      assertEquals(await machine.mainPid(SERVER), server);
    },
  );

  await t.step(
    "the server's environment file reaches it with its next start",
    async () => {
      const already = (await machine.journal(SERVER)).length;
      await machine.write(
        "/etc/default/ipc-server",
        "IPC_SERVER_OPTIONS=--quiet\n",
      );
      await machine.systemctl("restart", SERVER);
      await machine.systemctl("start", CLIENT);
      await machine.journalUpTo(CLIENT, "recv:close", { times: 3 });
      await machine.reaches(CLIENT, "inactive (dead)");

      await machine.journalUpTo(SERVER, "server start", { times: 2 });
      const logged = await machine.journal(SERVER);
      assertEquals(messages(logged.slice(already)), ["server start"]);
    },
  );

  await t.step("systemd logged no warning", async () => {
    const units = [SOCKET, SERVER, CLIENT].map((unit) => `--unit=${unit}`);
    const warnings = await machine.run(
      "journalctl",
      "--priority=warning",
      "--output=cat",
      "--quiet",
      ...units,
    );
    // Of a container without all controllers (systemd 258 and newer).
    const others = warnings.replaceAll(/.*Failed to read pids\.max .*\n/g, "");
    assertEquals(others, "");
  });
});
