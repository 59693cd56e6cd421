import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { copySources } from "../packaging/packages.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { Program, REPOSITORY, run } from "../support/program.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import { freePort } from "../support/test_server.ts";
import {
  assertShown,
  MAKE_SERVICE,
  transcript,
} from "../support/transcript.ts";
import { ActivatedServer } from "./activated_server.ts";

const README = await Deno.readTextFile(`${REPOSITORY}README.md`);

/** The TypeScript programs of README, in order. */
const CODE = [...README.matchAll(/^```ts\n(.*?)^```/gms)]
  .map(([, code]) => code!);

const PROGRAMS = [["web.ts", assertAnswers], [
  "echo.ts",
  assertEchoes,
]] as const;

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

/** The command of README that begins with this and runs a program, type-checked. */
function command(start: string, path: string): string[] {
  const name = path.split("/").at(-1)!;
  const [, flags] = new RegExp(`^${start}deno run (.*) \\S*${name}$`, "m")
    .exec(README)!;
  const check = DENO_RUN.map((word) => word.replace("--no-check", "--check"));
  return [...check, ...flags!.split(" "), path];
}

/** Sends two requests: the program counts them. */
async function assertAnswers(dial: () => Promise<Deno.Conn>): Promise<void> {
  for (const call of [1, 2]) {
    using conn = await dial();
    await send(
      conn,
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    const response = await receiveAllText(conn);
    assertStringIncludes(response, "HTTP/1.1 200 OK\r\n");
    assertStringIncludes(response, `Call number ${call}\n`);
  }
}

async function assertEchoes(dial: () => Promise<Deno.Conn>): Promise<void> {
  using conn = await dial();
  assertEquals(await echoOf(conn, "as README says\n"), "as README says\n");
}

for (const [i, [name, assertWorks]] of PROGRAMS.entries()) {
  Deno.test(`README's ${name} works on the socket that it is given`, async () => {
    using directory = new TempDir();
    const path = await project(directory, i);
    await using service = await ActivatedServer.listen({
      command: command("systemd-socket-activate --listen=\\d+ ", path),
      env: denoEnv(),
    });
    await assertWorks(() => service.connect());
  });

  Deno.test(`README's ${name} works by hand`, async () => {
    using directory = new TempDir();
    const port = freePort("127.0.0.1");
    const [deno, ...args] = command("", await project(directory, i, port));
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
      // Another systemd may rate the same unit otherwise.
      const lines = (text: string) =>
        text.trimEnd().replace(/exposure [\d.]+/, "exposure N").split("\n");
      const { shows } = transcript(MAKE_SERVICE);
      assertShown(lines(shows.join("\n")), lines(made.stdout));
    }
    await using service = await ActivatedServer.listen({
      command: [directory.join(`dist/${name.replace(".ts", "")}`)],
    });
    await assertWorks(() => service.connect());
  });
}

Deno.test("README's deno.json keeps lint, fmt and test out of the library", async () => {
  using directory = new TempDir();
  const path = await project(directory, 1);
  await Deno.remove(directory.join("ipc"));
  await copySources(directory.join("ipc"));
  await Deno.writeTextFile(
    directory.join("own_test.ts"),
    'Deno.test("own", () => {});\n',
  );
  for (
    const [args, output] of [
      [["check", path], "Check "],
      [["lint"], "Checked 2 files"],
      [["fmt", "--check"], "Checked 3 files"],
      [["test", "--no-check"], "1 passed"],
    ] as const
  ) {
    const { code, stdout, stderr } = await run(Deno.execPath(), args, {
      cwd: directory.path,
      env: denoEnv(),
    });
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout + stderr, output);
  }
});
