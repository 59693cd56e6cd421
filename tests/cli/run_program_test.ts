import { assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { fail } from "../../cli/fail.ts";
import { versionLine } from "../../cli/run_program.ts";
import { run } from "../support/program.ts";

const PROGRAM = new URL("./run_program_program.ts", import.meta.url).pathname;
const COMMAND = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-check",
  "--allow-env=JOURNAL_STREAM",
  PROGRAM,
];

const ENDINGS: [
  when: string,
  ending: string,
  code: number,
  stderr: string,
][] = [
  ["it returns 0", "ok", 0, ""],
  ["it returns another status", "status", 78, ""],
  [
    "its usage is wrong",
    "usage",
    64,
    'ipc-test: error: Unknown option "--nope"; see ipc-test --help\n',
  ],
  ["it throws", "error", 1, "ipc-test: error: Disk on fire\n"],
  [
    "it has a fault",
    "type",
    1,
    "ipc-test: error: Cannot read properties of undefined (reading 'f')\n",
  ],
  [
    "a message has lines",
    "lines",
    1,
    "ipc-test: error: First: second: third\n",
  ],
  ["its output is closed early", "unread", 141, ""],
  [
    "its output cannot be written",
    "full",
    1,
    "ipc-test: error: Cannot write output: No space left on device\n",
  ],
  ["it throws no error", "text", 1, "ipc-test: error: just text\n"],
  [
    "a promise is rejected unhandled",
    "rejection",
    1,
    "ipc-test: error: Nobody caught it\n",
  ],
  ["a timer throws", "timer", 1, "ipc-test: error: Thrown in a timer\n"],
];
for (const [when, ending, code, stderr] of ENDINGS) {
  Deno.test(`program: exits with ${code} when ${when}`, async () => {
    const [command, ...args] = COMMAND;
    const finished = await run(command!, [...args, ending]);
    assertEquals(finished, { code, stdout: "", stderr });
  });
}

for (const [ending, code] of [["usage", 64], ["error", 1]] as const) {
  Deno.test(`program: exits with ${code} also when stderr is full`, async () => {
    const script = 'exec "$@" 2>/dev/full';
    const args = ["-c", script, "sh", ...COMMAND, ending];
    const finished = await run("sh", args);
    assertEquals(finished.code, code);
  });
}

Deno.test("program: an error is one line of stderr", () => {
  const written: Uint8Array[] = [];
  using _ = replacedStderr((bytes) => written.push(bytes.slice()));
  assertEquals(fail("ipc-test", new Error("a\n\n  b")), 1);
  assertEquals(
    written.map((bytes) => new TextDecoder().decode(bytes)).join(""),
    "ipc-test: error: a: b\n",
  );
});

Deno.test("program: an error that cannot be printed keeps its status", () => {
  using _ = replacedStderr(() => {
    throw new Error("gone");
  });
  assertEquals(fail("ipc-test", new Error("x")), 1);
});

Deno.test("program: the version line names the program, its version and Deno", () => {
  assertMatch(config.version, /^[0-9]+\.[0-9]+\.[0-9]+/);
  assertEquals(
    versionLine("ipc-test"),
    `ipc-test ${config.version} (Deno ${Deno.version.deno})`,
  );
});

function replacedStderr(write: (bytes: Uint8Array) => void): Disposable {
  Deno.stderr.writeSync = (bytes: Uint8Array) => {
    write(bytes);
    return bytes.length;
  };
  // The method of the prototype remains.
  return {
    [Symbol.dispose]() {
      delete (Deno.stderr as Partial<typeof Deno.stderr>).writeSync;
    },
  };
}
