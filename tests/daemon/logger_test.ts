import { assertEquals } from "@std/assert";
import { run } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { logger, type LoggerOptions, type LogLevel } from "../../mod.ts";

/** What a logger writes. */
function written(
  options: LoggerOptions,
  log: (log: ReturnType<typeof logger>) => void,
): string {
  const bytes: number[] = [];
  const sink = {
    writeSync(given: Uint8Array): number {
      // As pipes do, it takes less than it is given.
      const part = given.subarray(0, 7);
      bytes.push(...part);
      return part.length;
    },
  };
  log(logger({ sink, journalSocket: "/none", ...options }));
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

const LEVELS: LogLevel[] = [
  ...["emergency", "alert", "critical", "error"] as const,
  ...["warning", "notice", "info", "debug"] as const,
];
Deno.test("a level is its number in the journal, and a word after the name elsewhere", () => {
  for (const [number, level] of LEVELS.entries()) {
    const options = { level: "debug", name: "web" } as const;
    const lines = [true, false].map((journal) =>
      written({ ...options, journal }, (log) => log[level]("text"))
    );
    assertEquals(lines, [`<${number}>text\n`, `web: ${level}: text\n`]);
  }
  assertEquals(
    written({ journal: false }, (log) => log.info("x")),
    "info: x\n",
  );
});

const FIELDS = { ID: "a b", N: [1, Uint8Array.of(66)] };
const AS_LINE = 'up ID="a b" N="1" N="B"\n';

const WRITTEN: [
  what: string,
  log: (log: ReturnType<typeof logger>) => void,
  text: string,
  options?: LoggerOptions,
][] = [
  ["records for debugging are dropped", (log) => log.debug("x"), ""],
  [
    "records below the level are dropped",
    (log) => [log.warning("x"), log.error("y")],
    "<3>y\n",
    { level: "error" },
  ],
  [
    "each line of a text has the prefix",
    (log) => log.notice("one\ntwo\n"),
    "<5>one\n<5>two\n",
  ],
  [
    "control characters are escaped, other characters are not",
    (log) => log.info("\x1b[2J\r\0 größer"),
    "<6>\\x1b[2J\\r\\x00 größer\n",
  ],
  [
    "fields follow the text outside the journal",
    (log) => log.error("up\n", FIELDS),
    `error: ${AS_LINE}`,
    { journal: false },
  ],
  [
    "fields follow the text without a journal",
    (log) => log.error("up\n", FIELDS),
    `<3>${AS_LINE}`,
  ],
];
for (const [what, log, text, options] of WRITTEN) {
  Deno.test(
    what,
    () => assertEquals(written({ journal: true, ...options }, log), text),
  );
}

Deno.test("a blocked sink does not make the logger throw", () => {
  const sink = {
    writeSync(): number {
      throw new Deno.errors.BrokenPipe();
    },
  };
  logger({ sink, journal: true }).error("lost");
});

Deno.test("standard error is compared with JOURNAL_STREAM without a permission", async () => {
  using directory = new TempDir();
  const [program, ...args] = scriptCommand(
    'logger().error("x"); logger().error("y", { A: "b" });',
    ["--allow-env=JOURNAL_STREAM"],
  );
  const written = async (stream: string, redirection: string) => {
    const path = directory.join("stderr");
    await Deno.writeTextFile(path, "");
    const { stderr } = await run("sh", [
      "-c",
      `export JOURNAL_STREAM=${stream}; exec "$@" ${redirection}`,
      ...["sh", program!, ...args],
    ], { env: denoEnv(), cwd: directory.path });
    return stderr + await Deno.readTextFile(path);
  };
  const own = "$(stat --dereference --format=%d:%i /dev/stderr)";
  const journal = '<3>x\n<3>y A="b"\n';
  const other = 'error: x\nerror: y A="b"\n';
  assertEquals(await written(own, ""), journal);
  // As with StandardError=file:, when standard output is the journal.
  assertEquals(await written(own, "2>stderr"), other);
  assertEquals(await written("1:2", ""), other);
  assertEquals(
    await written("$(stat --format=%d:%i stderr)", "2>stderr"),
    journal,
  );
});
