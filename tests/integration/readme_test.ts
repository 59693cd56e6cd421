import { assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url).pathname;

/** The first code block of README in a language. */
async function readmeBlock(language: string): Promise<string> {
  const readme = await Deno.readTextFile(`${root}README.md`);
  const [, block] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms")
    .exec(readme) ?? [];
  if (block === undefined) throw new Error(`README has no ${language} block`);
  return block;
}

Deno.test("the program in README serves the socket it is activated with, without net permission", async () => {
  const directory = await Deno.makeTempDir();
  const program = `${directory}/echo.ts`;
  const path = `${directory}/socket`;
  await Deno.writeTextFile(program, await readmeBlock("ts"));
  await using server = new Deno.Command("systemd-socket-activate", {
    args: [
      `--listen=${path}`,
      Deno.execPath(),
      "run",
      "--quiet",
      "--check",
      "--no-prompt",
      `--config=${root}deno.json`,
      "--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES",
      program,
    ],
    stderr: "null",
  }).spawn();

  const conn = await dial(path);
  await conn.write(new TextEncoder().encode("as README says"));
  await conn.closeWrite();
  assertEquals(await new Response(conn.readable).text(), "as README says");

  server.kill("SIGKILL");
  await Deno.remove(directory, { recursive: true });
});

async function dial(path: string): Promise<Deno.Conn> {
  const giveUp = performance.now() + 10_000;
  for (;;) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (performance.now() > giveUp) {
        throw new Error(`Nothing ever listened on ${path}: ${error}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
