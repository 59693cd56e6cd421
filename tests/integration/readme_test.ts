import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DENO_RUN } from "../support/deno_run.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";
import { copySources } from "../packaging/packages.ts";
import { eventually } from "../support/eventually.ts";
import { Program, REPOSITORY, run } from "../support/program.ts";
import { freePort } from "../support/test_server.ts";
import { denoEnv } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";
import {
  assertShown,
  MAKE_SERVICE,
  transcript,
} from "../support/transcript.ts";
import { ActivatedServer } from "./activated_server.ts";

const README = await Deno.readTextFile(`${REPOSITORY}README.md`);

/** The TypeScript programs of README, in order. */
function programs(): string[] {
  return [...README.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
}

/** The flags of `deno run` in README, by hand and under socket activation. */
function flags(program: string): { byHand: string[]; activated: string[] } {
  const find = (start: string) =>
    new RegExp(`^${start}deno run (.*) \\S*${program}$`, "m").exec(README)![1]!
      .split(" ");
  return {
    byHand: find(""),
    activated: find("systemd-socket-activate --listen=\\d+ "),
  };
}

/** A program of README beside the library, with README's deno.json. */
async function project(
  directory: TempDir,
  program: string,
  port: number,
): Promise<string> {
  await Deno.symlink(REPOSITORY, directory.join("ipc"));
  const [, config] = /^```json\n(.*?)^```/ms.exec(README)!;
  await Deno.writeTextFile(directory.join("deno.json"), config!);
  const path = directory.join("program.ts");
  const text = program.replace(/port: \d+/, `port: ${port}`);
  assert(text !== program, "the program has no port");
  await Deno.writeTextFile(path, text);
  return path;
}

const PROGRAMS = [
  ["web.ts", assertAnswers],
  ["echo.ts", assertEchoes],
] as const;

/** Sends two requests: the program counts them. */
async function assertAnswers(dial: () => Promise<Deno.Conn>): Promise<void> {
  for (const call of [1, 2]) {
    using conn = await dial();
    await send(
      conn,
      "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    const response = await receiveAllText(conn);
    assert(response.startsWith("HTTP/1.1 200 OK\r\n"), response);
    assert(response.includes(`Call number ${call}\n`), response);
  }
}

async function assertEchoes(dial: () => Promise<Deno.Conn>): Promise<void> {
  using conn = await dial();
  assertEquals(await echoOf(conn, "as README says\n"), "as README says\n");
}

for (const [i, [name, assertWorks]] of PROGRAMS.entries()) {
  Deno.test(`README's ${name} type-checks`, async () => {
    using directory = new TempDir();
    const path = await project(directory, programs()[i]!, 1);
    const { code, stderr } = await run(Deno.execPath(), ["check", path], {
      env: denoEnv(),
    });
    assertEquals(code, 0, stderr);
  });

  Deno.test(`README's ${name} works on the socket that it is given`, async () => {
    using directory = new TempDir();
    const path = await project(directory, programs()[i]!, 1);
    await using service = await ActivatedServer.listen({
      command: [...DENO_RUN, ...flags(name).activated, path],
      env: denoEnv(),
    });
    await assertWorks(() => service.connect());
  });

  Deno.test(`README's ${name} works by hand`, async () => {
    using directory = new TempDir();
    const port = freePort("127.0.0.1");
    const path = await project(directory, programs()[i]!, port);
    const [deno, ...args] = [...DENO_RUN, ...flags(name).byHand, path];
    await using program = new Program(deno!, args, { env: denoEnv() });
    await eventually(
      `${name} listens`,
      () => {
        if (!program.running) throw new Error(program.stderr.seen.join("\n"));
        return Deno.connect({ port }).then((conn) => conn.close()).then(
          () => true,
          () => false,
        );
      },
      (listens) => listens,
    );
    await assertWorks(() => Deno.connect({ port }));
  });
}

/** Runs README's command that makes a service, in the folder of a program. */
async function makeService(directory: TempDir, line: string): Promise<string> {
  const [, name] = / (\w+\.ts) /.exec(line)!;
  await Deno.rename(directory.join("program.ts"), directory.join(name!));
  const [, ...args] = line.split(" ");
  const options = { cwd: directory.path, env: denoEnv() };
  const made = await run(Deno.execPath(), args, options);
  assertEquals([made.code, made.stderr], [0, ""]);
  return made.stdout;
}

Deno.test("README's command makes a service of web.ts, which answers", async () => {
  using directory = new TempDir();
  await project(directory, programs()[0]!, 1);
  const { commands: [line], shows } = transcript(MAKE_SERVICE);
  const printed = await makeService(directory, line!);
  // Another systemd may rate the same unit otherwise.
  const [show, print] = [shows, printed.trimEnd().split("\n")].map((lines) =>
    lines.map((line) => line.replace(/exposure [\d.]+/, "exposure N"))
  );
  assertShown(show!, print!);
  await using service = await ActivatedServer.listen({
    command: [directory.join("dist/web")],
  });
  await assertAnswers(() => service.connect());
});

Deno.test("README's command makes a service of echo.ts, which echoes", async () => {
  using directory = new TempDir();
  await project(directory, programs()[1]!, 1);
  const [line] = /^deno run -A \S+main\.ts echo\.ts .*$/m.exec(README)!;
  await makeService(directory, line);
  await using service = await ActivatedServer.listen({
    command: [directory.join("dist/echo")],
  });
  await assertEchoes(() => service.connect());
});

Deno.test("README's deno.json keeps lint, fmt and test out of the library", async () => {
  using directory = new TempDir();
  await project(directory, programs()[1]!, 1);
  await Deno.remove(directory.join("ipc"));
  await copySources(directory.join("ipc"));
  await Deno.writeTextFile(
    directory.join("own_test.ts"),
    'Deno.test("own", () => {});\n',
  );
  for (
    const [args, told] of [
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
    assertStringIncludes(stdout + stderr, told);
  }
});
