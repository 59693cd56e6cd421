import { assertEquals } from "@std/assert";
import { run } from "../support/program.ts";
import { denoEnv, scriptCommand } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { logger, type LoggerOptions, type LogLevel } from "../../mod.ts";

type Logger = ReturnType<typeof logger>;

function written(
  options: LoggerOptions,
  log: (log: Logger) => void,
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

const ERROR = { level: "error" } as const;
const FIELDS = { ID: "a b", N: [1, Uint8Array.of(66)] };
const up = (log: Logger) => log.error("up\n", FIELDS);
const AS_LINE = 'up ID="a b" N="1" N="B"\n';

const WRITTEN: [
  what: string,
  log: (log: Logger) => void,
  text: string,
  options?: LoggerOptions,
][] = [
  ["records for debugging are dropped", (log) => log.debug("x"), ""],
  ["a warning is below the level", (log) => log.warning("x"), "", ERROR],
  ["an error is not", (log) => log.error("y"), "<3>y\n", ERROR],
  ["each line has the prefix", (log) => log.notice("a\nb\n"), "<5>a\n<5>b\n"],
  ["controls are escaped", (log) => log.info("ö\r\0"), "<6>ö\\r\\x00\n"],
  ["fields follow outside it", up, `error: ${AS_LINE}`, { journal: false }],
  ["fields follow the text without a journal", up, `<3>${AS_LINE}`],
];
for (const [what, log, text, options] of WRITTEN) {
  const lines = () => written({ journal: true, ...options }, log);
  Deno.test(what, () => assertEquals(lines(), text));
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
