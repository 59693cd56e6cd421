// What Deno allows the programs, even if an attacker controls them: a probe is compiled
// with their own build commands.

import { assertEquals } from "@std/assert";
import { makeEnvironment, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const PROBE = `${REPOSITORY}tests/integration/permission_probe.ts`;

/** Compiles the probe as the Makefile compiles a program, and returns its output. */
async function probe(program: string) {
  using directory = new TempDir();
  const executable = directory.join("probe");
  const options = { env: makeEnvironment(), cwd: REPOSITORY };
  const make = await run("make", ["-n", "-B", `bin/${program}`], options);
  const command = make.stdout.replaceAll("\\\n", " ").split("\n")
    .find((line) => line.includes(" compile ") && line.includes(program))!
    .replace(" compile ", " compile --no-check ")
    .replace(`-o bin/${program} `, `-o ${executable} `)
    .replace(/\S+\s*$/, PROBE);
  assertEquals((await run("/bin/sh", ["-c", command], options)).code, 0);
  const { code, stdout, stderr } = await run(executable);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

Deno.test("the server can use its own variables, and do nothing else that Deno checks", async () => {
  assertEquals(await probe("ipc-server"), [
    ...["import a file", "read LISTEN_PID", "read LISTEN_FDNAMES"],
    ...["read JOURNAL_STREAM", "remove LISTEN_FDS"],
  ]);
});

Deno.test("the client can use files and sockets, but no programs, libraries or environment", async () => {
  assertEquals(await probe("ipc-client"), [
    ...["read a file", "list a directory", "write a file"],
    ...["connect over TCP", "connect to a unix socket"],
    ...["listen on TCP", "listen on a unix socket", "import a file"],
    "read JOURNAL_STREAM",
  ]);
});
