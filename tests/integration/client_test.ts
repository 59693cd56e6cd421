// The client as a process; tests/client has the cases.

import { assertEquals } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";

const greeting = (address: string) =>
  `client start\nconnect server by socket:${address}\n`;

const SENT = "1 2 3 4 5 6 7 8 9 10 close".split(" ");

for (const kind of KINDS) {
  Deno.test(`it counts to ten and sends close over ${kind}, and ignores piped input`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    const address = server.address.replace("127.0.0.1", "localhost");
    const args = ["--interval=0", address];
    assertEquals(await run(IPC_CLIENT, args, { stdin: "not for you\n" }), {
      code: 0,
      stdout: greeting(address) +
        SENT.map((text) => `input data: ${text}\nrecv:${text}\n`).join(""),
      stderr: "",
    });
    await server.stdout.line("server recv: close");
    const received = SENT.map((text) => `server recv: ${text}`);
    assertEquals(server.stdout.seen, ["server start", ...received]);
  });
}

Deno.test("it prints each line at once, not at the end", async () => {
  await using server = await ActivatedServer.listen();
  const args = ["--interval=1h", server.address];
  await using client = new Program(IPC_CLIENT, args);
  assertEquals(
    (await client.stdout.atLeast(4)).join("\n"),
    `${greeting(server.address)}input data: 1\nrecv:1`,
  );
});

Deno.test("as a filter, it passes 10 MiB of random bytes unchanged", async () => {
  await using server = await ActivatedServer.listen();
  using directory = new TempDir();
  const input = directory.join("input");
  await Deno.writeFile(input, new Random(1).bytes(10 * 1024 * 1024));
  const script = '"$0" --interactive "$1" <"$2" | cmp - "$2"';
  const args = ["-c", script, IPC_CLIENT, server.address, input];
  const expected = { code: 0, stdout: "", stderr: "connect success !\n" };
  assertEquals(await run("sh", args), expected);
});

for (
  const [options, output, stderr] of [
    ["--count 100000 --interval 1ms", "client start\n", ""],
    ["--interactive", "y\n", "connect success !\n"],
  ] as const
) {
  Deno.test(`with ${options}, it exits quietly when its output is closed early (SIGPIPE)`, async () => {
    await using server = await ActivatedServer.listen();
    const script =
      `yes | "$0" ${options} "$1" | head -n 1; exit \${PIPESTATUS[1]}`;
    const args = ["-c", script, IPC_CLIENT, server.address];
    const expected = { code: 141, stdout: output, stderr };
    assertEquals(await run("bash", args), expected);
  });
}
