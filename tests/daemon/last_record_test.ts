// A record with fields arrives also when the program ends in the same turn.

import { assertEquals, assertMatch } from "@std/assert";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { Program } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";

const ENDS: Record<string, string> = {
  "throws": 'throw new Error("end");',
  "rejects a promise": 'Promise.reject(new Error("end"));',
  "exits": "Deno.exit();",
  "exits as in Node.js": "process.exit();",
  "hangs": "for (;;);",
};

const LOG = 'log.critical("up\\n", { JOB: "7" });';

interface Ending {
  /** What the program does after the logger was made and before the record. */
  before?: string;
  /** The record, and the end. */
  end: string;
  /** J is the socket of the journal. */
  flags?: string[];
}

/** Runs a program whose record goes to the journal, or is written as a line. */
class Logging implements AsyncDisposable {
  readonly program: Program;
  readonly receiver = new NotifyReceiver();

  constructor(
    { before = "", end, flags = ["--allow-net=unix:J", "--allow-write=J"] }:
      Ending,
  ) {
    const { socket } = this.receiver;
    const module = new URL(
      "../../daemon/_journal_socket.ts",
      import.meta.url,
    ).href;
    const [command, ...args] = scriptCommand(
      `import { reachesJournal } from ${JSON.stringify(module)};
      import process from "node:process";
      const journalSocket = ${JSON.stringify(socket)};
      const log = logger({ journal: true, journalSocket });
      ${before}
      ${end}`,
      flags.map((flag) => flag.replace("J", socket)),
    );
    this.program = new Program(command!, args, { env: denoEnv() });
  }

  /** Returns the next record that is not empty. */
  async record(): Promise<string> {
    return await this.receiver.next() || await this.record();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.receiver[Symbol.dispose]();
  }
}

const REACHED = `while (!reachesJournal(journalSocket)) {
  await new Promise((resolve) => setTimeout(resolve));
}`;
const RECORD = "JOB=7\nMESSAGE=up\nPRIORITY=2\n";
const LINE = '<2>up JOB="7"';

for (const [ends, end] of Object.entries(ENDS)) {
  Deno.test(`the record before a program ${ends} is in the journal`, async () => {
    await using logging = new Logging({
      before: REACHED,
      end: `${LOG} ${end}`,
    });
    assertEquals(await logging.record(), RECORD);
    assertEquals(logging.program.stderr.seen.includes(LINE), false);
  });

  Deno.test(`a program that ${ends} in its first turn has written the record as a line`, async () => {
    await using logging = new Logging({ end: `${LOG} ${end}` });
    assertEquals(await logging.program.stderr.line(/up/), LINE);
  });
}

Deno.test("a record of an unload listener is in the journal", async () => {
  await using logging = new Logging({
    before: `addEventListener("unload", () => { ${LOG} }); ${REACHED}`,
    end: "Deno.exit();",
  });
  assertEquals(await logging.record(), RECORD);
});

Deno.test("journalSend() before the end is in the journal, after a first record", async () => {
  await using logging = new Logging({
    before: 'await journalSend({ A: "b" }, { socket: journalSocket });',
    end: 'journalSend({ A: "c" }, { socket: journalSocket }); Deno.exit();',
  });
  assertEquals(await logging.record(), "A=b\n");
  assertEquals(await logging.record(), "A=c\n");
});

for (const flags of [[], ["--allow-net=unix:J"], ["--allow-write=J"]]) {
  Deno.test(`without all permissions (${flags}), the record is a line`, async () => {
    await using logging = new Logging({
      before: "await new Promise((resolve) => setTimeout(resolve, 10));",
      end: `${LOG} Deno.exit();`,
      flags,
    });
    assertMatch(await logging.program.stderr.line(/up/), /^<2>up JOB="7"$/);
  });
}

Deno.test("the kept socket does not keep a program alive", async () => {
  await using logging = new Logging({ before: REACHED, end: LOG });
  assertEquals(await logging.record(), RECORD);
  await logging.program.exits(0);
});
