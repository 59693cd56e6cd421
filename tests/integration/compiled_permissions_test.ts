// Operations that Deno refuses to the programs, even if an attacker controls them: a
// probe is compiled with their own build commands.

import { assert, assertEquals } from "@std/assert";
import { makeEnvironment, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { TestServer } from "../support/test_server.ts";

const PROBE = `${REPOSITORY}tests/integration/permission_probe.ts`;

/** The outcome of each attempt of permission_probe.ts. */
type Outcomes = Record<string, string>;

/** Compiles permission_probe.ts as the Makefile compiles one of the programs. */
async function compileProbe(
  program: string,
  output: string,
): Promise<void> {
  const env = makeEnvironment();
  const make = await run("make", ["-n", "-B", `bin/${program}`], {
    env,
    cwd: REPOSITORY,
  });
  const commands = make.stdout.replaceAll("\\\n", " ").split("\n");
  const compile = commands.filter((line) =>
    line.includes(" compile ") && line.includes(`-o bin/${program} `)
  );
  assertEquals(compile.length, 1, make.stdout + make.stderr);
  const probe = compile[0]!
    .replace(" compile ", " compile --no-check ")
    .replace(`-o bin/${program} `, `-o ${output} `)
    .replace(/\S+\s*$/, PROBE);
  const { code, stderr } = await run("/bin/sh", ["-c", probe], {
    env,
    cwd: REPOSITORY,
  });
  assertEquals(code, 0, `${probe}: ${stderr}`);
}

/** Runs permission_probe.ts beside the servers and the file that it tries to reach. */
async function attempts(command: string, ...args: string[]): Promise<Outcomes> {
  using directory = new TempDir();
  const file = directory.join("module.js");
  await Deno.writeTextFile(file, "export {};\n");
  // It sends nothing: a connection is enough.
  using unix = new TestServer(() => Promise.resolve());
  using tcp = new TestServer(() => Promise.resolve(), "127.0.0.1");
  const port = tcp.address.split(":")[1]!;
  const { code, stdout, stderr } = await run(
    command,
    [...args, file, port, unix.address],
    { env: { HOME: directory.path } },
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

Deno.test("with all permissions every attempt succeeds", async () => {
  const outcomes = await attempts(
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-check",
    "--allow-all",
    PROBE,
  );
  for (const [name, outcome] of Object.entries(outcomes)) {
    assertEquals(outcome, "done", name);
  }
  assert(Object.keys(outcomes).length > 20);
});

/**
 * Operations that Deno 2.9 allows every compiled program with any permissions: a
 * module that it imports while it runs is not checked. `deno run` refuses it.
 */
const UNCHECKED = ["import a file", "import a file as text"];

Deno.test("the server can read its own variables, and do nothing else that Deno checks", async () => {
  using directory = new TempDir();
  const program = directory.join("probe");
  await compileProbe("ipc-server", program);
  const outcomes = await attempts(program);

  for (const name of UNCHECKED) {
    // If this fails, Deno refuses it now: remove it from the list.
    assertEquals(outcomes[name], "done", name);
    delete outcomes[name];
  }
  const allowed = Object.keys(outcomes).filter((name) =>
    name.startsWith("may ")
  );
  assertEquals(allowed.length, 5);
  for (const [name, outcome] of Object.entries(outcomes)) {
    const expected = allowed.includes(name) ? "done" : "not capable";
    assertEquals(outcome, expected, name);
  }
});

Deno.test("the client can connect, but not run programs, load libraries or read the environment", async () => {
  using directory = new TempDir();
  const program = directory.join("probe");
  await compileProbe("ipc-client", program);
  const outcomes = await attempts(program);
  for (const name of ["connect over TCP", "connect to a unix socket"]) {
    assertEquals(outcomes[name], "done", name);
  }
  for (
    const name of [
      "run a program",
      "run a program through node:child_process",
      "load a library",
      "signal another process",
      "read HOME",
      "read the whole environment",
      "set PATH",
    ]
  ) {
    assertEquals(outcomes[name], "not capable", name);
  }
});
