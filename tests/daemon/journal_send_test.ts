import { assertEquals, assertRejects } from "@std/assert";
import {
  forgetJournalSocket,
  hasJournal,
} from "../../daemon/_journal_socket.ts";
import { formatJournalFields } from "../../daemon/journal_send.ts";
import {
  JournalError,
  type JournalFields,
  journalSend,
  logger,
} from "../../mod.ts";
import { eventually } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { runScript } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const SIZE_3 = "\x03\0\0\0\0\0\0\0";
const NAME_64 = "A".repeat(64);

const FORMATTED: [what: string, fields: JournalFields, record: string][] = [
  ["text", { MESSAGE: "a=b", _: [] }, "MESSAGE=a=b\n"],
  ["numbers", { A: 1.5, B2_C: 2n ** 64n }, `A=1.5\nB2_C=${2n ** 64n}\n`],
  ["an empty value", { A: "" }, "A=\n"],
  ["several lines", { A: "b\nc", D: "e" }, `A\n${SIZE_3}b\nc\nD=e\n`],
  ["bytes", { A: Uint8Array.of(0, 255) }, "A=\0\xff\n"],
  ["a line feed", { A: Uint8Array.of(0, 10, 1) }, `A\n${SIZE_3}\0\n\x01\n`],
  ["several values", { A: ["b", 1] }, "A=b\nA=1\n"],
  ["a name of 64 characters", { [NAME_64]: "x" }, `${NAME_64}=x\n`],
  ["1024 fields", { A: Array(1024).fill("x") }, "A=x\n".repeat(1024)],
];
for (const [what, { _, ...fields }, record] of FORMATTED) {
  Deno.test(`a record with ${what} has the journal's form`, () => {
    const bytes = formatJournalFields(fields);
    assertEquals(new TextDecoder("latin1").decode(bytes), record);
  });
}

const REFUSED: Record<string, JournalFields> = {
  "no fields": {},
  "no values": { A: [] },
  "1025 fields": { A: Array(1025).fill("x") },
  "a name in small letters": { message: "x" },
  "a name that begins with _": { _PID: "1" },
  "a name that begins with a digit": { "1A": "x" },
  "a name with =": { "A=B": "x" },
  "an empty name": { "": "x" },
  "a name of 65 characters": { [`${NAME_64}A`]: "x" },
  "a value of another kind": { A: true as unknown as string },
};
for (const [what, fields] of Object.entries(REFUSED)) {
  Deno.test(`a record with ${what} is refused, also without a journal`, async () => {
    const { code } = await assertRejects(
      () => journalSend(fields, { socket: "/nonexistent" }),
      JournalError,
      "Cannot send",
    );
    assertEquals(code, "invalid");
  });
}

const keptSocket = () => ({ [Symbol.dispose]: forgetJournalSocket });

Deno.test("journalSend sends one datagram, and returns false without a journal", async () => {
  using _ = keptSocket();
  using directory = new TempDir();
  const socket = directory.join("journal");
  assertEquals(await journalSend({ A: "b" }, { socket }), false);
  {
    using receiver = new NotifyReceiver(socket);
    assertEquals(await journalSend({ A: "b", C: "d" }, { socket }), true);
    assertEquals(await receiver.next(), "A=b\nC=d\n");
    const { code } = await assertRejects(
      () => journalSend({ A: new Uint8Array(1_000_000) }, { socket }),
      JournalError,
      "Cannot send 1000003 bytes to",
    );
    assertEquals(code, "too-large");
  }
  // The path of the closed socket remains.
  assertEquals(await journalSend({ A: "b" }, { socket }), false);
});

Deno.test("journalSend without a permission, or without --unstable-net, is an error", async () => {
  const { stdout } = await runScript(
    `const print = ({ code }) => console.log(code);
    await journalSend({ A: "b" }).catch(print);
    Object.assign(Deno, { listenDatagram: undefined });
    await journalSend({ A: "b" }).catch(print);`,
  );
  assertEquals(stdout, "unreachable\nunavailable\n");
});

/** Returns a logger that has reached the journal, and what it writes as lines. */
async function reaching(receiver: NotifyReceiver, name?: string) {
  const lines: string[] = [];
  const sink = {
    writeSync(bytes: Uint8Array) {
      lines.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  };
  const journalSocket = receiver.socket;
  const log = logger({ sink, journal: true, journalSocket, name });
  assertEquals(await receiver.next(), "");
  const reaches = () => hasJournal(journalSocket);
  await eventually("the journal is reached", reaches, Boolean);
  return { log, lines };
}

Deno.test("a logger sends fields to the journal, with the message, level and name", async () => {
  using _ = keptSocket();
  using receiver = new NotifyReceiver();
  const { log } = await reaching(receiver, "web");
  log.warning("up\n", { ID: "a b", N: [1, Uint8Array.of(66)] });
  assertEquals(
    await receiver.next(),
    "SYSLOG_IDENTIFIER=web\nID=a b\nN=1\nN=B\nMESSAGE=up\nPRIORITY=4\n",
  );
  log.error("a\x1b", { A: "b" });
  assertEquals(
    await receiver.next(),
    "SYSLOG_IDENTIFIER=web\nA=b\nMESSAGE=a\\x1b\nPRIORITY=3\n",
  );
});

Deno.test("a record that the journal does not take is logged as a line", async () => {
  const FIELDS = { small: "x", BIG: "x".repeat(1_000_000) };
  for (const [name, value] of Object.entries(FIELDS)) {
    using _ = keptSocket();
    using receiver = new NotifyReceiver();
    const { log, lines } = await reaching(receiver);
    log.error("up", { [name]: value });
    await eventually("a line", () => lines.length, (count) => count > 0);
    assertEquals(lines, [`<3>up ${name}="${value}"\n`]);
  }
});
