// The client as a process: counting, as a filter, and its failures. tests/client has
// the cases of each.

import { assertEquals } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { assertSameBytes, send } from "../support/peer.ts";
import { IPC_CLIENT, Program, run, runForBytes } from "../support/program.ts";
import { withRandom } from "../support/random.ts";
import { TempDir } from "../support/temp_dir.ts";
import { TestServer } from "../support/test_server.ts";
import { ActivatedServer } from "./activated_server.ts";
import { assertOneLine } from "./one_line.ts";

const greeting = (address: string) =>
  `client start\nconnect server by socket:${address}\n`;

/** The output of a run that counts to ten. */
function transcript(address: string): string {
  return greeting(address) +
    "1 2 3 4 5 6 7 8 9 10 close".split(" ")
      .map((text) => `input data: ${text}\nrecv:${text}\n`).join("");
}

/** Checks a run that counts to ten without pausing. */
async function assertCounts(
  address: string,
  ...options: string[]
): Promise<void> {
  assertEquals(
    await run(IPC_CLIENT, ["--interval=0", ...options, address]),
    { code: 0, stdout: transcript(address), stderr: "" },
  );
}

for (const kind of KINDS) {
  Deno.test(`it counts to ten and sends close, over ${kind}`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    await assertCounts(server.address);
    await server.stdout.line("server recv: close");
    assertEquals(
      server.stdout.seen,
      [
        "server start",
        ..."1 2 3 4 5 6 7 8 9 10 close".split(" ").map((text) =>
          `server recv: ${text}`
        ),
      ],
    );
  });
}

Deno.test("ten clients at once each count for themselves, with one server", async () => {
  await using server = await ActivatedServer.listen();
  const counting = Array.from(
    { length: 10 },
    () => assertCounts(server.address, "-unix"),
  );
  await Promise.all(counting);
  const starts = server.stdout.seen.filter((line) => line === "server start");
  assertEquals(starts.length, 1);
});

Deno.test("a host is found by its name", async () => {
  await using server = await ActivatedServer.listen({ kind: "IPv4" });
  await assertCounts(server.address.replace("127.0.0.1", "localhost"));
});

Deno.test("-unix takes a relative path that looks like host and port", async () => {
  await using server = await ActivatedServer.listen();
  using directory = new TempDir();
  await Deno.symlink(server.address, directory.join("host:80"));
  const args = ["-unix", "--interval=0", "host:80"];
  const { code, stdout } = await run(IPC_CLIENT, args, { cwd: directory.path });
  assertEquals({ code, stdout }, { code: 0, stdout: transcript("host:80") });
});

Deno.test("it prints each line at once, not at the end", async () => {
  await using server = await ActivatedServer.listen();
  const args = ["--interval=1h", server.address];
  await using client = new Program(IPC_CLIENT, args);
  assertEquals(await client.stdout.atLeast(4), [
    ...greeting(server.address).trimEnd().split("\n"),
    ...["input data: 1", "recv:1"],
  ]);
});

Deno.test("it counts with a server that reads 128 bytes at a time", async () => {
  using server = new TestServer(async (conn) => {
    const buffer = new Uint8Array(128);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      await send(conn, buffer.subarray(0, count));
      if (new TextDecoder().decode(buffer).includes("close")) break;
    }
    conn.close();
  });
  await assertCounts(server.address);
});

for (const way of ["counting", "as a filter"]) {
  Deno.test(`${way}, it exits quietly when its output is closed early (SIGPIPE)`, async () => {
    await using server = await ActivatedServer.listen();
    const options = way === "counting"
      ? "--count 100000 --interval 1ms"
      : "--interactive";
    const { code, stdout, stderr } = await run("bash", [
      "-c",
      `yes | "$0" ${options} "$1" | head -n 1; exit \${PIPESTATUS[1]}`,
      ...[IPC_CLIENT, server.address],
    ]);
    assertEquals({ code, stdout, stderr: complaints(stderr) }, {
      code: 141,
      stdout: way === "counting" ? "client start\n" : "y\n",
      stderr: "",
    });
  });
}

// Failures: one line, and exit status 1.

/** The program's messages, without the greeting for interactive use. */
function complaints(stderr: string): string {
  return stderr.replace("connect success !\n", "");
}

Deno.test("a missing socket is reported", async () => {
  const address = "/nonexistent/job.socket";
  const { code, stdout, stderr } = await run(IPC_CLIENT, [address]);
  assertOneLine("ipc-client", stderr, address, "no such socket");
  assertEquals({ code, stdout }, { code: 1, stdout: greeting(address) });
});

Deno.test("a missing reply is reported after --timeout", async () => {
  using server = new TestServer(async (conn) => {
    await conn.readable.pipeTo(new WritableStream());
  });
  const args = ["--timeout=300ms", server.address];
  const { code, stdout, stderr } = await run(IPC_CLIENT, args);
  assertOneLine("ipc-client", stderr, server.address, "No reply", "300 ms");
  assertEquals({ code, stdout }, {
    code: 1,
    stdout: `${greeting(server.address)}input data: 1\n`,
  });
});

for (
  const [way, option] of [["counting", "-unix"], ["filter", "-interactive"]]
) {
  Deno.test(`a killed server is reported (${way})`, async () => {
    await using server = await ActivatedServer.listen();
    const args = [option!, "--interval=300ms", server.address];
    await using client = new Program(IPC_CLIENT, args);
    await client.type("1\n");
    await client.stdout.line(/^(recv:)?1$/);
    server.program.kill("SIGKILL");
    await client.exits(1);
    const stderr = client.stderr.seen.map((line) => `${line}\n`).join("");
    assertOneLine("ipc-client", complaints(stderr), server.address);
  });
}

// As a filter.

for (const kind of KINDS) {
  Deno.test(`10 MiB of random bytes pass the filter unchanged, over ${kind}`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      const stdin = random.bytes(10 * 1024 * 1024);
      const args = ["--interactive", server.address];
      const { code, stdout, stderr } = await runForBytes(IPC_CLIENT, args, {
        stdin,
      });
      assertSameBytes(stdout, stdin);
      assertEquals({ code, stderr: complaints(stderr) }, {
        code: 0,
        stderr: "",
      });
    });
  });
}

Deno.test('the filter prints each reply at once, and "close" ends it', async () => {
  await using server = await ActivatedServer.listen();
  const args = ["--interactive", server.address];
  await using client = new Program(IPC_CLIENT, args);
  for (const line of ["one", "two", "close"]) {
    await client.type(`${line}\n`);
    await client.stdout.line(line);
  }
  await client.exits(0);
});

Deno.test("without --interactive, piped input is not sent", async () => {
  await using server = await ActivatedServer.listen();
  const args = ["--interval=0", "--count=1", server.address];
  const { code } = await run(IPC_CLIENT, args, { stdin: "not for you\n" });
  assertEquals(code, 0);
  assertEquals(await server.stdout.atLeast(3), [
    ...["server start", "server recv: 1", "server recv: close"],
  ]);
});
