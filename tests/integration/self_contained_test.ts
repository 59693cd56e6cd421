// Each executable is one file: it runs from any directory, under any name, as any
// user, and neither reads nor writes files around it.

import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path/posix";
import { echoOf } from "../support/peer.ts";
import { IPC_CLIENT, IPC_SERVER, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

/** Root ignores the permissions of files, so the programs run as an unprivileged user. */
const AS_USER = Deno.uid() === 0
  ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  : [];

const DIRECTORIES = ["TMPDIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DENO_DIR"];

Deno.test("links to renamed executables run as another user, with directories that do not exist", async () => {
  using directory = new TempDir();
  const [server, client] = [IPC_SERVER, IPC_CLIENT].map((path, i) => {
    Deno.copyFileSync(path, directory.join(`program-${i}`));
    Deno.symlinkSync(`program-${i}`, directory.join(`${i}`));
    return directory.join(`${i}`);
  });
  await Deno.chmod(directory.path, 0o755);
  const env = Object.fromEntries(
    DIRECTORIES.map((name) => [name, "/nonexistent"]),
  );
  await using serving = await ActivatedServer.listen({
    command: [...AS_USER, server!],
    env,
  });
  await Deno.chmod(serving.address, 0o666);
  await Deno.chmod(dirname(serving.address), 0o755);
  const [command, ...args] = [...AS_USER, client!, "-unix", serving.address];
  const count = [...args, "--count=1", "--interval=0"];
  const { code, stdout, stderr } = await run(command!, count, { env });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assert(stdout.endsWith("\nrecv:close\n"), stdout);
  assertEquals(serving.complaints(), []);
});

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
  const strace = `strace -D -f -qq --trace=%file --output=${trace}`.split(" ");
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
