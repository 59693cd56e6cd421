// A record with fields arrives also when the program ends in the same turn.

import { assertEquals } from "@std/assert";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { Program, REPOSITORY } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";

/** J is the socket of the journal. */
const FLAGS = ["--allow-net=unix:J", "--allow-write=J"];

/** Runs a script whose record goes to the journal, or is written as a line. */
function logging(script: string, flags = FLAGS) {
  const receiver = new NotifyReceiver();
  const module = `${REPOSITORY}daemon/_journal_socket.ts`;
  const [command, ...args] = scriptCommand(
    `import { hasJournal } from ${JSON.stringify(`file://${module}`)};
    import process from "node:process";
    const journalSocket = ${JSON.stringify(receiver.socket)};
    const log = logger({ journal: true, journalSocket });
    ${script}`,
    flags.map((flag) => flag.replace("J", receiver.socket)),
  );
  const program = new Program(command!, args, { env: denoEnv() });
  return {
    program,
    /** Returns the next record that is not empty. */
    async record(): Promise<string> {
      return await receiver.next() || await this.record();
    },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      receiver[Symbol.dispose]();
    },
  };
}

const REACHED = `while (!hasJournal(journalSocket)) {
  await new Promise((resolve) => setTimeout(resolve));
}`;
const LOG = 'log.critical("up\\n", { JOB: "7" });';
const RECORD = "JOB=7\nMESSAGE=up\nPRIORITY=2\n";
const LINE = '<2>up JOB="7"';

const ENDS = {
  "throws": 'throw new Error("end");',
  "rejects a promise": 'Promise.reject(new Error("end"));',
  "exits": "Deno.exit();",
  "exits as in Node.js": "process.exit();",
  "hangs": "for (;;);",
};
const ending = Object.entries(ENDS);
const SENT: [what: string, script: string, ...records: string[]][] = [
  ...ending.map(([ends, end]): typeof SENT[number] => [
    ...[
      `of a program that ${ends}`,
      `${REACHED} ${LOG} ${end}`,
      RECORD,
    ] as const,
  ]),
  [
    "of an unload listener",
    `addEventListener("unload", () => { ${LOG} }); ${REACHED} Deno.exit();`,
    RECORD,
  ],
  [
    "of journalSend(), after a first record",
    `await journalSend({ A: "b" }, { socket: journalSocket });
    journalSend({ A: "c" }, { socket: journalSocket }); Deno.exit();`,
    ...["A=b\n", "A=c\n"],
  ],
];
for (const [what, script, ...records] of SENT) {
  Deno.test(`the last record ${what} is in the journal`, async () => {
    await using running = logging(script);
    for (const record of records) assertEquals(await running.record(), record);
    assertEquals(running.program.stderr.seen.includes(LINE), false);
  });
}

for (const [ends, end] of ending) {
  Deno.test(`a program that ${ends} in its first turn has written the record as a line`, async () => {
    await using running = logging(`${LOG} ${end}`);
    await running.program.stderr.line(LINE);
  });
}

for (const flags of [[], ...FLAGS.map((flag) => [flag])]) {
  Deno.test(`without all permissions (${flags}), the record is a line`, async () => {
    await using running = logging(
      `await new Promise((resolve) => setTimeout(resolve, 10));
      ${LOG} Deno.exit();`,
      flags,
    );
    await running.program.stderr.line(LINE);
  });
}

Deno.test("the kept socket does not keep a program alive", async () => {
  await using running = logging(`${REACHED} ${LOG}`);
  assertEquals(await running.record(), RECORD);
  await running.program.exits(0);
});
