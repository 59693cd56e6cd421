// The console blocks of the pages show the output of their commands.

import { assertEquals } from "@std/assert";
import {
  IPC_CLIENT,
  IPC_SERVER,
  makeEnvironment,
  REPOSITORY,
  run,
} from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  assertShown,
  MACHINE_COMMANDS,
  MAKE_SERVICE,
  transcript,
  transcripts,
} from "../support/transcript.ts";
import { ActivatedServer } from "./activated_server.ts";

/** Commands of the pages that the tests here run. */
const MAKE_RUN = "make run";
const CHECK = "systemd-socket-activate --listen=/tmp/job.socket";
const BENCH = "ipc-client --bench";

/** What is another one each time; both sides are compared without it. */
const CHANGING: [RegExp, string][] = [
  [/\/\S+\/tmp\.\w+\//, "DIRECTORY/"],
  [/\bLISTEN_PID=\d+/, "LISTEN_PID=PID"],
];

function unchanging(lines: readonly string[]): string[] {
  return lines.map((line) =>
    CHANGING.reduce((line, [what, name]) => line.replace(what, name), line)
  );
}

function linesOf(text: string): string[] {
  return text.trimEnd().split("\n");
}

Deno.test("the pages show no command that is not tested", () => {
  const tested = [MAKE_RUN, CHECK, BENCH, MAKE_SERVICE, ...MACHINE_COMMANDS];
  const shown = transcripts().map(({ commands }) => commands[0]!);
  const untested = shown.filter((command) =>
    !tested.some((start) => command.startsWith(start))
  );
  assertEquals(untested, []);
  assertEquals(shown.length, tested.length);
});

Deno.test("the pages show what make run prints", async () => {
  const { commands, shows } = transcript(MAKE_RUN);
  assertEquals(commands, ["make run"]);
  using directory = new TempDir();
  const env = { INTERVAL: "20ms", TMPDIR: directory.path };
  const options = { cwd: REPOSITORY, env: { ...makeEnvironment(), ...env } };
  // Lines about rebuilt files are not part of the block.
  await run("make", [], options);
  const { code, stdout, stderr } = await run("make", ["run"], options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  // How the lines of two programs mix is chance; each one's order is not.
  for (const side of ["client", "server"]) {
    const its = (lines: string[]) =>
      unchanging(lines).filter((line) =>
        line === "…" || line.startsWith(`${side} | `)
      );
    assertShown(its(shows), its(linesOf(stdout)));
  }
  const sides = linesOf(stdout).map((line) => line.split(" ")[0]!);
  assertEquals(new Set(sides), new Set(["client", "server"]));
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

Deno.test("the pages show what ipc-server --check prints", async () => {
  const { commands, shows } = transcript(CHECK);
  using directory = new TempDir();
  const socket = directory.join("job.socket");
  const [first, ...rest] = commands.map((command) =>
    command
      .replaceAll("/tmp/job.socket", socket)
      .replaceAll("/usr/libexec/ipc/ipc-server", IPC_SERVER)
  );
  // A person is slower than a script, which has to wait for the socket.
  const listening = `until [ -S ${socket} ]; do sleep 0.02; done`;
  const script = [first, listening, ...rest, "wait"].join("\n");
  const { stdout, stderr } = await run("bash", ["-c", script]);
  assertEquals(stderr, "");
  assertShown(unchanging(shows), unchanging(linesOf(stdout)));
});

Deno.test("the pages show the table that ipc-client --bench prints", async () => {
  const { commands: [command], shows } = transcript(BENCH);
  await using server = await ActivatedServer.listen();
  const [, ...args] = command!.split(" ");
  const address = args.pop();
  assertEquals(address, "/run/ipc-server/job.socket");
  const { code, stdout, stderr } = await run(IPC_CLIENT, [
    ...args,
    "--duration=2s",
    server.address,
  ]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertEquals(form(linesOf(stdout)), form(shows));
});

/** The lines of a table without its figures and units. */
function form(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replaceAll(/[\d,.]+( (?:µs|ms|s)\b)?/g, "N").replaceAll(/ +/g, " ")
  );
}
