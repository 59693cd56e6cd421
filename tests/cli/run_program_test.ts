import { assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { versionLine } from "../../cli/run_program.ts";
import { run } from "../support/program.ts";

const CLI = new URL("../../cli/", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** The command that runs a program with this body of its `run()`. */
function command(body: string): string[] {
  const program = `
    import { runProgram } from "${CLI}run_program.ts";
    import { UsageError } from "${CLI}exit_status.ts";
    import { outputError } from "${CLI}write_line.ts";
    await runProgram({ name: "ipc-test", run: async () => { ${body} } });`;
  return [
    ...[Deno.execPath(), "run", "--quiet", "--no-check", "--no-lock"],
    ...[`--config=${CONFIG}`, "--allow-env=JOURNAL_STREAM"],
    `data:application/javascript;base64,${btoa(program)}`,
  ];
}

const USAGE = `throw new UsageError('Unknown option "--nope"')`;

const NEVER = "return new Promise(() => {})";

const ENDINGS: [body: string, code: number, error?: string][] = [
  ["return 0", 0],
  ["return 78", 78],
  [USAGE, 64, 'Unknown option "--nope"; see ipc-test --help'],
  ["throw Error('Disk on fire')", 1, "Disk on fire"],
  ["throw 'just text'", 1, "just text"],
  ["null.f()", 1, "Cannot read properties of null (reading 'f')"],
  ["throw Error('First\\n  second\\n\\nthird')", 1, "First: second: third"],
  ["throw outputError(new Deno.errors.BrokenPipe('Broken pipe'))", 141],
  ["throw outputError(Error('Full'))", 1, "Cannot write output: Full"],
  [`Promise.reject(Error('Uncaught')); ${NEVER}`, 1, "Uncaught"],
  [`setTimeout(() => { throw Error('Late') }); ${NEVER}`, 1, "Late"],
];

for (const [body, code, error] of ENDINGS) {
  Deno.test(`program: "${body}" exits with ${code}, and an error is one line`, async () => {
    const [deno, ...args] = command(body);
    assertEquals(await run(deno!, args), {
      code,
      stdout: "",
      stderr: error === undefined ? "" : `ipc-test: error: ${error}\n`,
    });
  });
}

Deno.test("program: an error that cannot be printed keeps its status", async () => {
  const script = 'exec "$@" 2>/dev/full';
  const { code } = await run("sh", ["-c", script, "sh", ...command(USAGE)]);
  assertEquals(code, 64);
});

Deno.test("program: the version line names the program, its version and Deno", () => {
  assertMatch(config.version, /^[0-9]+\.[0-9]+\.[0-9]+/);
  assertEquals(
    versionLine("ipc-test"),
    `ipc-test ${config.version} (Deno ${Deno.version.deno})`,
  );
});
