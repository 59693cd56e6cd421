// The client between a person, or a pipe, and the server.

import { assertEquals } from "@std/assert";
import { assertSameBytes, receive, receiveAll, send } from "../support/peer.ts";
import {
  IPC_CLIENT,
  Program,
  REPOSITORY,
  run,
  runForBytes,
} from "../support/program.ts";
import { withRandom } from "../support/random.ts";
import { TestServer } from "../support/test_server.ts";
import { ActivatedServer, KINDS } from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

/** Its greeting on stderr, without a terminal. */
const GREETING = "connect success !";

/** What the client complained about on stderr, without its greeting. */
function complaints(stderr: string): string {
  return stderr.split("\n").filter((line) => line !== GREETING).join("\n");
}

// As a filter.

for (const kind of KINDS) {
  Deno.test(`with --interactive and piped input it is a filter, over ${kind}`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    const { code, stdout, stderr } = await run(
      IPC_CLIENT,
      ["--interactive", server.address],
      { stdin: "a\nb\n" },
    );
    assertEquals({ code, stdout }, { code: 0, stdout: "a\nb\n" });
    assertEquals(complaints(stderr), "");
  });
}

for (const stdin of ["", "\n", "no newline", "a\n\n\nb"]) {
  Deno.test(`the input ${JSON.stringify(stdin)} is output unchanged`, async () => {
    await using server = await ActivatedServer.listen();
    const args = ["-unix", "-interactive", server.address];
    const { code, stdout } = await run(IPC_CLIENT, args, { stdin });
    assertEquals({ code, stdout }, { code: 0, stdout: stdin });
  });
}

Deno.test("10 MiB of random bytes pass the filter unchanged", async () => {
  await withRandom(async (random) => {
    await using server = await ActivatedServer.with("--quiet");
    const stdin = random.bytes(10 * 1024 * 1024);
    const args = ["--interactive", server.address];
    const { code, stdout } = await runForBytes(IPC_CLIENT, args, { stdin });
    assertSameBytes(stdout, stdin);
    assertEquals(code, 0);
  });
});

Deno.test('"close" ends the filter, though its input has not ended', async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interactive",
    server.address,
  ]);
  await client.type("a\n");
  await client.stdout.line("a");
  await client.type("close\n");
  await client.exits(0);
  assertEquals(client.stdout.seen, ["a", "close"]);
});

Deno.test("the filter outputs each line when it arrives, not at the end", async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interactive",
    server.address,
  ]);
  for (const line of ["one", "two", "three"]) {
    await client.type(`${line}\n`);
    await client.stdout.line(line);
  }
  await client.endInput();
  await client.exits(0);
});

Deno.test("the filter fails when the server is lost", async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interactive",
    server.address,
  ]);
  await client.type("a\n");
  await client.stdout.line("a");

  server.program.kill("SIGKILL");

  await client.exits(1);
  const stderr = client.stderr.seen.map((line) => `${line}\n`).join("");
  assertOneLine("ipc-client", complaints(stderr), server.address);
});

/** Answers the first line only, before or after it has read the second one. */
const ANSWERS_LESS: Record<string, (conn: Deno.Conn) => Promise<void>> = {
  "before it has read all": async (conn) => {
    await send(conn, await receive(conn, 4));
    conn.close();
  },
  "after it has read all": async (conn) => {
    const all = await receiveAll(conn);
    await send(conn, all.subarray(0, 4));
    conn.close();
  },
};

for (const [when, serve] of Object.entries(ANSWERS_LESS)) {
  Deno.test(`the filter fails when the server closes with a part of the reply, ${when}`, async () => {
    using server = new TestServer(serve);
    const { code, stdout, stderr } = await run(
      IPC_CLIENT,
      ["--interactive", server.address],
      { stdin: "one\ntwo\n" },
    );
    assertEquals(stdout, "one\n");
    assertOneLine("ipc-client", complaints(stderr), server.address);
    assertEquals(code, 1);
  });
}

Deno.test("the filter fails without a reply", async () => {
  using server = new TestServer(async (conn) => {
    const buffer = new Uint8Array(1024);
    while (await conn.read(buffer) !== null);
  });
  const { code, stdout, stderr } = await run(
    IPC_CLIENT,
    ["--interactive", "--timeout=300ms", server.address],
    { stdin: "one\n" },
  );
  assertEquals(stdout, "");
  assertOneLine("ipc-client", complaints(stderr), server.address, "300 ms");
  assertEquals(code, 1);
});

Deno.test("the filter fails when there is no server", async () => {
  const { code, stdout, stderr } = await run(
    IPC_CLIENT,
    ["--interactive", "/no/such/socket"],
    { stdin: "one\n" },
  );
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  assertOneLine("ipc-client", stderr, "/no/such/socket", "no such socket");
});

Deno.test("without --interactive, piped input is not sent", async () => {
  await using server = await ActivatedServer.listen();
  const { code } = await run(
    IPC_CLIENT,
    ["--interval=0", "--count=1", server.address],
    { stdin: "not for you\n" },
  );
  assertEquals(code, 0);
  assertEquals(await server.stdout.atLeast(3), [
    "server start",
    "server recv: 1",
    "server recv: close",
  ]);
});

// At a terminal.

/** Runs the client at a terminal of its own, without the terminal's echo. */
function atTerminal(...args: string[]): Program {
  const command = `exec bin/ipc-client ${args.join(" ")}`;
  return new Program("script", [
    "--quiet",
    "--return",
    "--echo=never",
    `--command=${command}`,
    "/dev/null",
  ], { cwd: REPOSITORY });
}

/** The lines on a terminal's screen: they end with carriage returns, too. */
function screen(program: Program): string[] {
  return program.stdout.seen.map((line) => line.replace(/\r+$/, ""));
}

Deno.test("at a terminal it greets, and gives back each line that is typed", async () => {
  await using server = await ActivatedServer.listen();
  await using client = atTerminal(server.address);
  await client.stdout.line(/^connect success !\r$/);
  for (const line of ["hello", "how are you?", ""]) {
    await client.type(`${line}\n`);
    await client.stdout.line(`${line}\r`);
  }
  // Ctrl-D.
  await client.endInput();
  await client.exits(0);
  assertEquals(screen(client), [
    "connect success !",
    ...["hello", "hello"],
    ...["how are you?", "how are you?"],
    ...["", ""],
  ]);
  assertEquals(server.stdout.seen.slice(0, 3), [
    "server start",
    "server recv: hello",
    "server recv: how are you?",
  ]);
});

Deno.test('at a terminal, "close" is the last line', async () => {
  await using server = await ActivatedServer.listen();
  await using client = atTerminal("-unix", server.address);
  await client.stdout.line(/^connect success !\r$/);
  await client.type("close\n");
  await client.exits(0);
  assertEquals(screen(client), ["connect success !", "close", "close"]);
});

Deno.test("at a terminal, --count makes it count", async () => {
  await using server = await ActivatedServer.listen();
  await using client = atTerminal(
    "--count=1",
    "--interval=0",
    server.address,
  );
  await client.exits(0);
  assertEquals(screen(client), [
    "client start",
    `connect server by socket:${server.address}`,
    "input data: 1",
    "recv:1",
    "input data: close",
    "recv:close",
  ]);
});

Deno.test("at a terminal, a server that dies ends the conversation at once", async () => {
  await using server = await ActivatedServer.listen();
  await using client = atTerminal(server.address);
  await client.stdout.line(/^connect success !\r$/);
  await client.type("hello\n");
  await client.stdout.line("hello\r");

  server.program.kill("SIGKILL");

  await client.exits(1);
  const [greeting, typed, hello, ...rest] = screen(client);
  assertEquals([greeting, typed, hello], [
    "connect success !",
    "hello",
    "hello",
  ]);
  const stderr = rest.map((line) => `${line}\n`).join("");
  assertOneLine("ipc-client", stderr, server.address);
});
