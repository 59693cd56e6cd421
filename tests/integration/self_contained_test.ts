// Each executable is one file: it runs from any directory, under any name, as any
// user, and neither reads nor writes files around it.

import { assert, assertEquals } from "@std/assert";
import { echoOf } from "../support/peer.ts";
import { IPC_CLIENT, IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

/** Root ignores the permissions of files, so the programs run as an unprivileged user. */
const AS_USER = Deno.uid() === 0
  ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  : [];

const DIRECTORIES = ["TMPDIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DENO_DIR"];

const ENVIRONMENTS: [which: string, names: string[]][] = [
  ["without HOME", []],
  ["with all directories set to a path that does not exist", DIRECTORIES],
];

for (const [which, names] of ENVIRONMENTS) {
  Deno.test(`links to renamed executables in a read-only directory run ${which}, and create no file`, async () => {
    using directory = new TempDir();
    const programs = directory.join("programs");
    await Deno.mkdir(programs);
    const [server, client] = [IPC_SERVER, IPC_CLIENT].map((path, i) => {
      Deno.copyFileSync(path, `${programs}/${i}`);
      Deno.symlinkSync(`${programs}/${i}`, directory.join(`${i}`));
      return directory.join(`${i}`);
    });
    for (const path of [programs, directory.path]) {
      await Deno.chmod(path, 0o555);
    }
    /** Every file below the directory, with its size and times. */
    const listing = async () =>
      (await run("find", [directory.path, "-printf", "%p %y %m %s %T@ %l\n"]))
        .stdout;
    const before = await listing();
    const env = Object.fromEntries(names.map((name) => [name, "/nonexistent"]));

    await using serving = await ActivatedServer.listen({
      command: [...AS_USER, server!],
      env,
    });
    await Deno.chmod(serving.address, 0o666);
    await Deno.chmod(serving.address.replace(/\/[^/]*$/, ""), 0o755);
    using conn = await serving.dial();
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");
    const [command, ...args] = [...AS_USER, client!, "-unix", serving.address];
    const count = [...args, "--count=1", "--interval=0"];
    const { code, stdout, stderr } = await run(command!, count, { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assert(stdout.endsWith("\nrecv:close\n"), stdout);
    assertEquals(serving.complaints(), []);
    assertEquals(await listing(), before);
    for (const path of [directory.path, programs]) {
      await Deno.chmod(path, 0o755);
    }
  });
}

Deno.test("the executables look at no file in their directory, HOME or TMPDIR", async () => {
  using around = new TempDir();
  const [server, client] = ["server", "client"].map(around.join, around);
  await Deno.copyFile(IPC_SERVER, server!);
  await Deno.copyFile(IPC_CLIENT, client!);
  const env = Object.fromEntries(
    ["HOME", ...DIRECTORIES].map((name) => [name, around.path]),
  );
  const trace = around.join("trace");
  // As its child's child, the tracer does not change the program's process id.
  const strace = [
    ...["strace", "-D", "-f", "-qq", "--trace=%file", `--output=${trace}`],
  ];
  /** Checks that the program looked at no path but its own. */
  const assertOnlyItself = (program: string) => {
    const lines = Deno.readTextFileSync(trace).split("\n");
    assert(lines.some((line) => line.includes("execve(")), `${lines}`);
    const looked = lines.filter((line) =>
      line.includes(around.path) &&
      !/ (execve\("|readlink\("\/proc\/self\/exe"|getcwd\()/.test(line)
    );
    assertEquals(looked, [], program);
  };

  const [command, ...args] = [...strace, client!, "--version"];
  assertEquals((await run(command!, args, { env })).code, 0);
  assertOnlyItself(client!);
  await using serving = await ActivatedServer.listen({
    command: [...strace, server!, "--quiet"],
    env,
  });
  using conn = await serving.dial();
  assertEquals(await echoOf(conn, "hello\n"), "hello\n");
  assertOnlyItself(server!);
});
