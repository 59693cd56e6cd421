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

/** None of these paths exists. HOME is not set at all. */
const NOWHERE = {
  TMPDIR: "/nonexistent/tmp",
  XDG_DATA_HOME: "/nonexistent/data",
  XDG_CACHE_HOME: "/nonexistent/cache",
  DENO_DIR: "/nonexistent/deno",
};

type Environment = Record<string, string>;

const directory = new TempDir();
const programs = directory.join("programs");
const links = directory.join("links");

Deno.test.beforeAll(async () => {
  await Deno.mkdir(programs);
  await Deno.mkdir(links);
  for (const [name, path] of [["server", IPC_SERVER], ["client", IPC_CLIENT]]) {
    await Deno.copyFile(path!, `${programs}/ipc-${name}`);
    await Deno.link(`${programs}/ipc-${name}`, `${programs}/renamed-${name}`);
    await Deno.symlink(`${programs}/ipc-${name}`, `${links}/linked-${name}`);
  }
  for (const path of [programs, links]) await Deno.chmod(path, 0o555);
  await Deno.chmod(directory.path, 0o755);
});
Deno.test.afterAll(async () => {
  for (const path of [programs, links]) await Deno.chmod(path, 0o755);
  directory[Symbol.dispose]();
});

/** Every file below the directory, with its size and times. */
async function listing(): Promise<string> {
  const { stdout } = await run("find", [
    directory.path,
    ...["-printf", "%p %y %m %s %T@ %l\n"],
  ]);
  return stdout;
}

/** Activates the server with these arguments and variables. */
function activated(
  command: string[],
  env: Environment,
): Promise<ActivatedServer> {
  return ActivatedServer.listen({
    command: [...AS_USER, ...command],
    env,
  });
}

const PLACES: [where: string, server: string, client: string][] = [
  [
    "from a read-only directory",
    `${programs}/ipc-server`,
    `${programs}/ipc-client`,
  ],
  [
    "under other names",
    `${programs}/renamed-server`,
    `${programs}/renamed-client`,
  ],
  [
    "through symbolic links",
    `${links}/linked-server`,
    `${links}/linked-client`,
  ],
];
const ENVIRONMENTS: [which: string, env: Environment][] = [
  ["without HOME", {}],
  ["with all directories set to paths that do not exist", NOWHERE],
];

for (const [where, server, client] of PLACES) {
  for (const [which, env] of ENVIRONMENTS) {
    Deno.test(`the executables run ${where}, ${which}, and create no file`, async () => {
      const before = await listing();

      for (const program of [server, client]) {
        const [command, ...args] = [...AS_USER, program, "--version"];
        const { code, stdout, stderr } = await run(command!, args, { env });
        assertEquals({ code, stderr }, { code: 0, stderr: "" }, program);
        assert(/^ipc-(server|client) \d/.test(stdout), stdout);
      }
      {
        await using checked = await activated([server, "--check"], env);
        (await checked.connect()).close();
        await checked.stdout.line("The server would start.");
        await checked.program.exits(0);
      }
      await using serving = await activated([server], env);
      await Deno.chmod(serving.address, 0o666);
      await Deno.chmod(serving.address.replace(/\/[^/]*$/, ""), 0o755);
      using conn = await serving.connect();
      assertEquals(await echoOf(conn, "hello\n"), "hello\n");
      const [command, ...args] = [
        ...[...AS_USER, client, "-unix", serving.address],
        ...["--count=1", "--interval=0"],
      ];
      const { code, stdout, stderr } = await run(command!, args, { env });
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assert(stdout.endsWith("\nrecv:close\n"), stdout);
      assertEquals(serving.complaints(), []);

      assertEquals(await listing(), before);
    });
  }
}

Deno.test({
  name: "the executables look at no file in their directory, HOME or TMPDIR",
  async fn() {
    using around = new TempDir();
    const server = around.join("ipc-server");
    const client = around.join("ipc-client");
    await Deno.copyFile(IPC_SERVER, server);
    await Deno.copyFile(IPC_CLIENT, client);
    const env = Object.fromEntries(
      ["HOME", ...Object.keys(NOWHERE)].map((name) => [name, around.path]),
    );
    const trace = around.join("trace");
    // As its child's child, the tracer does not change the program's process id.
    const traced = (...command: string[]) => [
      ...["strace", "-D", "-f", "-qq", "--trace=%file", `--output=${trace}`],
      ...command,
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

    for (const program of [server, client]) {
      const [command, ...args] = traced(program, "--version");
      assertEquals((await run(command!, args, { env })).code, 0);
      assertOnlyItself(program);
    }
    await using serving = await ActivatedServer.listen({
      command: traced(server, "--quiet"),
      env,
    });
    using conn = await serving.connect();
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");
    assertOnlyItself(server);
  },
});
