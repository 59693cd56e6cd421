// The programs of README, and the console blocks of the pages.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { examples, page } from "../docs/pages.ts";
import { copySources } from "../packaging/packages.ts";
import { freePorts } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import {
  IPC_SERVER,
  makeEnvironment,
  Program,
  REPOSITORY,
  run,
} from "../support/program.ts";
import { DENO_RUN, denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { assertShown, transcript } from "../support/transcript.ts";
import { ActivatedServer } from "./activated_server.ts";

const README = page("README.md");

/** The TypeScript programs of README, in order. */
const CODE = examples("README.md");
const PROGRAMS = [
  ...[["web.ts", assertAnswers], ["echo.ts", assertEchoes]] as const,
];

/** Writes a program of README beside the library, with README's deno.json. */
async function project(directory: TempDir, i: number, port = 1) {
  await Deno.symlink(REPOSITORY, directory.join("ipc"));
  const [, config] = /^```json\n(.*?)^```/ms.exec(README)!;
  await Deno.writeTextFile(directory.join("deno.json"), config!);
  const path = directory.join(PROGRAMS[i]![0]);
  const text = CODE[i]!.replace(/port: \d+/, `port: ${port}`);
  assert(text !== CODE[i], "the program has no port");
  await Deno.writeTextFile(path, text);
  return path;
}

/** The command of README that begins with this and runs a program. */
function command(start: string, path: string): string[] {
  const name = path.split("/").at(-1)!;
  const [, flags] = new RegExp(`^${start}deno run (.*) \\S*${name}$`, "m")
    .exec(README)!;
  return [...DENO_RUN, ...flags!.split(" "), path];
}

/** Sends two requests: the program counts them. */
async function assertAnswers(dial: () => Promise<Deno.Conn>): Promise<void> {
  for (const call of [1, 2]) {
    using conn = await dial();
    await send(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const response = await receiveAllText(conn);
    assertStringIncludes(response, "HTTP/1.1 200 OK\r\n");
    assertStringIncludes(response, `Call number ${call}\n`);
  }
}

async function assertEchoes(dial: () => Promise<Deno.Conn>): Promise<void> {
  using conn = await dial();
  assertEquals(await echoOf(conn, "as README says\n"), "as README says\n");
}

/** The lines of an output, without the parts that differ each time. */
function unchanging(output: string): string[] {
  return output.trimEnd().replaceAll(/\/\S+\/tmp\.\w+\//g, "DIRECTORY/")
    .replaceAll(/\bLISTEN_PID=\d+/g, "LISTEN_PID=PID")
    // Another systemd may rate the same unit otherwise.
    .replaceAll(/exposure [\d.]+/g, "exposure N").split("\n");
}

for (const [i, [name, assertWorks]] of PROGRAMS.entries()) {
  Deno.test(`README's ${name} works on the socket that it is given`, async () => {
    using directory = new TempDir();
    const path = await project(directory, i);
    await using service = await ActivatedServer.listen({
      command: command("systemd-socket-activate --listen=\\d+ ", path),
      env: denoEnv(),
    });
    await assertWorks(() => service.dial());
  });

  Deno.test(`README's ${name} type-checks, and works by hand`, async () => {
    using directory = new TempDir();
    const port = freePorts("127.0.0.1", 1)[0]!;
    const path = await project(directory, i, port);
    const options = { cwd: directory.path, env: denoEnv() };
    const checked = await run(Deno.execPath(), ["check", path], options);
    assertEquals(checked.code, 0, checked.stderr);
    const [deno, ...args] = command("", path);
    await using program = new Program(deno!, args, { env: denoEnv() });
    const dial = () => Deno.connect({ port });
    await eventually(
      `${name} listens`,
      () => {
        if (!program.running) throw new Error(program.stderr.seen.join("\n"));
        return dial().then((conn) => (conn.close(), true), () => false);
      },
      (listens) => listens,
    );
    await assertWorks(dial);
  });

  Deno.test(`README's command makes a service of ${name}, which works`, async () => {
    using directory = new TempDir();
    await project(directory, i);
    const [line] = new RegExp(
      `(?<=^|\\$ )deno run -A \\S+main\\.ts ${name} .*$`,
      "m",
    ).exec(README.replaceAll("\\\n", ""))!;
    const options = { cwd: directory.path, env: denoEnv() };
    const made = await run(Deno.execPath(), line.split(/ +/).slice(1), options);
    assertEquals([made.code, made.stderr], [0, ""]);
    if (name === "web.ts") {
      const { shows } = transcript("deno run -A ipc/unit/main.ts web.ts");
      assertShown(unchanging(shows.join("\n")), unchanging(made.stdout));
    }
    await using service = await ActivatedServer.listen({
      command: [directory.join(`dist/${name.replace(".ts", "")}`)],
    });
    await assertWorks(() => service.dial());
  });
}

Deno.test("README's deno.json keeps lint, fmt and test out of the library", async () => {
  using directory = new TempDir();
  await project(directory, 1);
  await Deno.remove(directory.join("ipc"));
  await copySources(directory.join("ipc"));
  const test = 'Deno.test("own", () => {});\n';
  await Deno.writeTextFile(directory.join("own_test.ts"), test);
  for (
    const [args, output] of [
      [["lint"], "Checked 2 files"],
      [["fmt", "--check"], "Checked 3 files"],
      [["test", "--no-check"], "1 passed"],
    ] as const
  ) {
    const options = { cwd: directory.path, env: denoEnv() };
    const { code, stdout, stderr } = await run(Deno.execPath(), args, options);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout + stderr, output);
  }
});

Deno.test("README shows what make run prints", async () => {
  const { shows } = transcript("make run");
  using directory = new TempDir();
  const env = { INTERVAL: "20ms", TMPDIR: directory.path };
  const options = { cwd: REPOSITORY, env: { ...makeEnvironment(), ...env } };
  // Lines about rebuilt files are not part of the block.
  await run("make", [], options);
  const { code, stdout, stderr } = await run("make", ["run"], options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  // How the lines of two programs mix is chance; each one's order is not.
  for (const side of ["client", "server"]) {
    const its = (output: string) =>
      unchanging(output).filter((line) =>
        line === "…" || line.startsWith(`${side} | `)
      );
    assertShown(its(shows.join("\n")), its(stdout));
  }
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

Deno.test("docs/programs.md shows what ipc-server --check prints", async () => {
  const { commands, shows } = transcript("systemd-socket-activate --listen");
  using directory = new TempDir();
  const socket = directory.join("job.socket");
  const [first, ...rest] = commands.map((command) =>
    command
      .replaceAll("/tmp/job.socket", socket)
      .replaceAll("/usr/libexec/ipc/ipc-server", IPC_SERVER)
  );
  // A person is slower than a script, which has to wait for the socket.
  const listening =
    `until grep -q "00010000 .* ${socket}" /proc/net/unix; do sleep 0.02; done`;
  const script = [first, listening, ...rest, "wait"].join("\n");
  const { stdout, stderr } = await run("bash", ["-c", script]);
  assertEquals(stderr, "");
  assertShown(unchanging(shows.join("\n")), unchanging(stdout));
});
