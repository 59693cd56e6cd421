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
  log(logger({ sink, ...options }));
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

const LEVELS: LogLevel[] = [
  "emergency",
  "alert",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  "debug",
];
for (const [number, level] of LEVELS.entries()) {
  Deno.test(`${level} is <${number}> in the journal and a word elsewhere`, () => {
    assertEquals(
      written({ journal: true, level: "debug" }, (log) => log[level]("text")),
      `<${number}>text\n`,
    );
    assertEquals(
      written({ journal: false, level: "debug" }, (log) => log[level]("text")),
      `${level}: text\n`,
    );
  });
}

Deno.test("the name stands before the level, but not in the journal", () => {
  const options = { name: "web" };
  assertEquals(
    written({ ...options, journal: false }, (log) => log.error("no")),
    "web: error: no\n",
  );
  assertEquals(
    written({ ...options, journal: true }, (log) => log.error("no")),
    "<3>no\n",
  );
});

Deno.test("records below the level are dropped, by default those for debugging", () => {
  assertEquals(written({ journal: true }, (log) => log.debug("x")), "");
  assertEquals(written({ journal: true }, (log) => log.info("x")), "<6>x\n");
  assertEquals(
    written({ journal: true, level: "error" }, (log) => {
      log.warning("x");
      log.error("y");
    }),
    "<3>y\n",
  );
});

Deno.test("each line of a text has the prefix", () => {
  assertEquals(
    written({ journal: true }, (log) => log.notice("one\ntwo\n")),
    "<5>one\n<5>two\n",
  );
});

Deno.test("control characters are escaped, other characters are not", () => {
  assertEquals(
    written({ journal: true }, (log) => log.info("\x1b[2J\r\0 größer")),
    "<6>\\x1b[2J\\r\\x00 größer\n",
  );
});

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
