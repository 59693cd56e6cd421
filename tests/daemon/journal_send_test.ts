import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  forgetJournalSocket,
  reachesJournal,
} from "../../daemon/_journal_socket.ts";
import { formatJournalFields } from "../../daemon/journal_send.ts";
import {
  JournalError,
  type JournalFields,
  journalSend,
  logger,
  type LoggerOptions,
} from "../../mod.ts";
import { eventually } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { runScript } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const formatted = (fields: JournalFields) =>
  new TextDecoder("latin1").decode(formatJournalFields(fields));

const SIZE_3 = "\x03\0\0\0\0\0\0\0";

const FORMATTED: [what: string, fields: JournalFields, record: string][] = [
  ["text", { MESSAGE: "a=b", _: [] }, "MESSAGE=a=b\n"],
  [
    "numbers",
    { A: 1.5, B2_C: 2n ** 64n },
    "A=1.5\nB2_C=18446744073709551616\n",
  ],
  ["an empty value", { A: "" }, "A=\n"],
  ["several lines", { A: "b\nc", D: "e" }, `A\n${SIZE_3}b\nc\nD=e\n`],
  ["bytes", { A: Uint8Array.of(0, 255) }, "A=\0\xff\n"],
  [
    "bytes with a newline",
    { A: Uint8Array.of(0, 10, 1) },
    `A\n${SIZE_3}\0\n\x01\n`,
  ],
  ["several values", { A: ["b", 1] }, "A=b\nA=1\n"],
];
for (const [what, { _, ...fields }, record] of FORMATTED) {
  Deno.test(`a record with ${what} has the journal's form`, () => {
    assertEquals(formatted(fields), record);
  });
}

const REFUSED: [what: string, fields: JournalFields][] = [
  ["no fields", {}],
  ["no values", { A: [] }],
  ["1025 fields", { A: Array(1025).fill("x") }],
  ["a name in small letters", { message: "x" }],
  ["a name that begins with _", { _PID: "1" }],
  ["a name that begins with a digit", { "1A": "x" }],
  ["a name with =", { "A=B": "x" }],
  ["an empty name", { "": "x" }],
  ["a name of 65 characters", { ["A".repeat(65)]: "x" }],
  ["a value of another kind", { A: true as unknown as string }],
];
for (const [what, fields] of REFUSED) {
  Deno.test(`a record with ${what} is refused`, async () => {
    assertThrows(
      () => formatJournalFields(fields),
      JournalError,
      "Cannot send",
    );
    // Also without a journal.
    const { code } = await assertRejects(
      () => journalSend(fields, { socket: "/nonexistent" }),
      JournalError,
    );
    assertEquals(code, "invalid");
  });
}

Deno.test("names have at most 64 characters, records 1024 fields", () => {
  const name = "A".repeat(64);
  assertEquals(formatted({ [name]: "x" }), `${name}=x\n`);
  assertEquals(
    formatted({ A: Array(1024).fill("x") }),
    "A=x\n".repeat(1024),
  );
});

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

for (
  const [without, code, first] of [
    ["a permission", "unreachable", ""],
    [
      "--unstable-net",
      "unavailable",
      "Object.assign(Deno, { listenDatagram: undefined });",
    ],
  ]
) {
  Deno.test(`journalSend without ${without} is an error`, async () => {
    const { stdout } = await runScript(
      `${first} await journalSend({ A: "b" }).catch(({ code }) =>
        console.log(code)
      );`,
    );
    assertEquals(stdout, `${code}\n`);
  });
}

/** Logs with fields; returns what is written as a line. */
function lines(options: LoggerOptions) {
  let text = "";
  const written = Promise.withResolvers<string>();
  const sink = {
    writeSync(bytes: Uint8Array) {
      text += new TextDecoder().decode(bytes);
      written.resolve(text);
      return bytes.length;
    },
  };
  return { log: logger({ sink, ...options }), written: written.promise };
}

const FIELDS = { ID: "a b", N: [1, Uint8Array.of(66)] };

/** Closes the socket that journalSend() and loggers keep. */
function keptSocket(): Disposable {
  return { [Symbol.dispose]: forgetJournalSocket };
}

/** Waits until a logger sends its records at once. */
async function reachable(receiver: NotifyReceiver): Promise<void> {
  assertEquals(await receiver.next(), "");
  await eventually(
    "the journal is reached",
    () => reachesJournal(receiver.socket),
    (isReached) => isReached,
  );
}

Deno.test("a logger sends fields to the journal, with the message, level and name", async () => {
  using _ = keptSocket();
  using receiver = new NotifyReceiver();
  const options = { journal: true, journalSocket: receiver.socket };
  const { log } = lines({ ...options, name: "web" });
  await reachable(receiver);
  log.warning("up\n", FIELDS);
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

const LINES: [when: string, options: LoggerOptions, line: string][] = [
  ["outside the journal", { journal: false }, "error: up"],
  ["without a journal", { journal: true, journalSocket: "/none" }, "<3>up"],
];
for (const [when, options, line] of LINES) {
  Deno.test(`fields follow the text in its line ${when}`, async () => {
    const { log, written } = lines(options);
    await new Promise((resolve) => setTimeout(resolve));
    log.error("up\n", FIELDS);
    assertEquals(await written, `${line} ID="a b" N="1" N="B"\n`);
  });
}

Deno.test("a record that the journal does not take is logged as a line", async () => {
  using _ = keptSocket();
  using receiver = new NotifyReceiver();
  const options = { journal: true, journalSocket: receiver.socket };
  const refused: JournalFields[] = [
    { small: "x" },
    { BIG: "x".repeat(1_000_000) },
  ];
  for (const fields of refused) {
    const { log, written } = lines(options);
    await reachable(receiver);
    log.error("up", fields);
    const [[name, value]] = Object.entries(fields) as [[string, string]];
    assertEquals(await written, `<3>up ${name}="${value}"\n`);
    forgetJournalSocket();
  }
});
