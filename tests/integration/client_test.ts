// The client's counted run: its output, and the bytes that it sends.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import {
  echoOf,
  receive,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { HAS_IPV6, TestServer } from "../support/test_server.ts";
import { ActivatedServer, KINDS } from "./activated_server.ts";

/** The output of a run that counts to N. */
function transcript(address: string, count = 10): string {
  const numbers = Array.from({ length: count }, (_, index) => `${index + 1}`);
  return [
    "client start",
    `connect server by socket:${address}`,
    ...[...numbers, "close"].flatMap((text) => [
      `input data: ${text}`,
      `recv:${text}`,
    ]),
    "",
  ].join("\n");
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

Deno.test("one client after the other is served by the same server", async () => {
  await using server = await ActivatedServer.listen();
  for (let round = 0; round < 3; round++) await assertCounts(server.address);
  const starts = server.stdout.seen.filter((line) => line === "server start");
  assertEquals(starts.length, 1);
});

Deno.test("ten clients at once each count for themselves", async () => {
  await using server = await ActivatedServer.listen();
  await Promise.all(
    Array.from({ length: 10 }, () => assertCounts(server.address)),
  );
});

for (const option of ["-unix", "--unix"]) {
  Deno.test(`${option} takes a socket path, before or after the other options`, async () => {
    await using server = await ActivatedServer.listen();
    await assertCounts(server.address, option);
    const args = [server.address, "--interval", "0s", option, "--count", "1"];
    const { code, stdout } = await run(IPC_CLIENT, args);
    assertEquals(
      { code, stdout },
      { code: 0, stdout: transcript(server.address, 1) },
    );
  });
}

Deno.test("-unix takes an abstract address", async () => {
  await using server = await ActivatedServer.listen({ kind: "abstract" });
  await assertCounts(server.address, "-unix");
});

Deno.test("-unix takes a path that looks like host and port", async () => {
  await using server = await ActivatedServer.listen();
  using directory = new TempDir();
  await Deno.symlink(server.address, directory.join("host:80"));
  const { code, stdout } = await run(
    IPC_CLIENT,
    ["-unix", "--interval=0", "host:80"],
    { cwd: directory.path },
  );
  assertEquals({ code, stdout }, { code: 0, stdout: transcript("host:80") });
});

Deno.test("without -unix, a plain name is a path in the current directory", async () => {
  await using server = await ActivatedServer.listen();
  using directory = new TempDir();
  await Deno.symlink(server.address, directory.join("socket"));
  const { code, stdout } = await run(
    IPC_CLIENT,
    ["--interval=0", "socket"],
    { cwd: directory.path },
  );
  assertEquals({ code, stdout }, { code: 0, stdout: transcript("socket") });
});

Deno.test("a host is found by its name", async () => {
  await using server = await ActivatedServer.listen({ kind: "IPv4" });
  await assertCounts(server.address.replace("127.0.0.1", "localhost"));
});

Deno.test("--count N counts to N", async () => {
  await using server = await ActivatedServer.listen();
  for (const count of [0, 1, 100]) {
    const args = [`--count=${count}`, "--interval=0", server.address];
    const { code, stdout } = await run(IPC_CLIENT, args);
    assertEquals(code, 0);
    assertEquals(stdout, transcript(server.address, count));
  }
});

for (const interval of ["150ms", "0.15"]) {
  Deno.test(`--interval ${interval} is the pause behind each number`, async () => {
    await using server = await ActivatedServer.listen();
    const start = performance.now();
    const args = ["--count=2", "--interval", interval, server.address];
    const { code } = await run(IPC_CLIENT, args);
    const took = performance.now() - start;
    assertEquals(code, 0);
    assert(took >= 2 * 150, `it took ${took} ms`);
    assert(took < 5000, `it took ${took} ms`);
  });
}

Deno.test("its output is visible at once, not at the end", async () => {
  await using server = await ActivatedServer.listen();
  await using client = new Program(IPC_CLIENT, [
    "--interval=1h",
    server.address,
  ]);
  assertEquals(await client.stdout.atLeast(4), [
    "client start",
    `connect server by socket:${server.address}`,
    "input data: 1",
    "recv:1",
  ]);
});

Deno.test("each number is one line on the wire, sent after the previous reply", async () => {
  const received: string[] = [];
  using server = new TestServer(async (conn) => {
    const buffer = new Uint8Array(1024);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      received.push(new TextDecoder().decode(buffer.subarray(0, count)));
      await send(conn, buffer.subarray(0, count));
    }
    conn.close();
  });
  await assertCounts(server.address);
  assertEquals(
    received,
    "1 2 3 4 5 6 7 8 9 10 close".split(" ").map((text) => `${text}\n`),
  );
});

Deno.test("a wrong reply in many reads is printed whole, and quoted in part", async () => {
  const long = "x".repeat(200_000);
  using server = new TestServer(async (conn) => {
    await receive(conn, 2);
    await send(conn, `${long}\n`);
    await receiveAll(conn);
    conn.close();
  });
  const { code, stdout, stderr } = await run(IPC_CLIENT, [server.address]);
  assertEquals(stdout.split("\n").slice(2), [
    "input data: 1",
    `recv:${long}`,
    "",
  ]);
  assertEquals(
    stderr,
    `ipc-client: error: Wrong reply from "${server.address}": "1" was sent, and "${
      long.slice(0, 80)
    }…" came back\n`,
  );
  assertEquals(code, 1);
});

Deno.test("URLs are addresses as well", async () => {
  await using server = await ActivatedServer.listen();
  for (
    const address of [`unix:${server.address}`, `unix://${server.address}`]
  ) {
    const { code, stdout, stderr } = await run(IPC_CLIENT, [
      "--count=0",
      address,
    ]);
    assertEquals(code, 0, stderr);
    assertEquals(stdout.split("\n").slice(1), [
      `connect server by socket:${address}`,
      "input data: close",
      "recv:close",
      "",
    ]);
  }
});

Deno.test("a full disk under its output is a failure, reported on one line", async () => {
  await using server = await ActivatedServer.listen();
  const { code, stderr } = await run("/bin/sh", [
    "-c",
    `exec "$0" "$1" >/dev/full`,
    IPC_CLIENT,
    server.address,
  ]);
  assertEquals(code, 1);
  assertEquals(stderr.split("\n").length, 2, stderr);
});

// The other programs of the same kind, as their authors write them.

/** Reads up to 128 bytes at a time and echoes them, until it has seen "close". */
async function echo128(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(128);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    const bytes = buffer.subarray(0, count);
    await send(conn, bytes);
    if (new TextDecoder().decode(bytes).includes("close")) break;
  }
  conn.close();
}

for (
  const hostname of HAS_IPV6
    ? [undefined, "127.0.0.1", "::1"]
    : [undefined, "127.0.0.1"]
) {
  Deno.test(`it counts against a server of other make, at ${hostname ?? "a socket path"}`, async () => {
    using server = new TestServer(echo128, hostname);
    await assertCounts(server.address);
  });
}

Deno.test("as a filter it gets long input back from a server that reads 128 bytes at a time", async () => {
  using server = new TestServer(echo128);
  const stdin = "a line of some length\n".repeat(5000);
  const { code, stdout } = await run(
    IPC_CLIENT,
    ["--interactive", server.address],
    { stdin },
  );
  assertEquals({ code, stdout }, { code: 0, stdout: stdin });
});

Deno.test("a client of other make, that sends a line and reads one, is served", async () => {
  await using server = await ActivatedServer.listen();
  using conn = await server.connect();
  for (let number = 1; number <= 10; number++) {
    assertEquals(await echoOf(conn, `${number}\n`), `${number}\n`);
  }
  await send(conn, "close\n");
  assertEquals(await receiveAllText(conn), "close\n");
});

Deno.test("a person with socat is served", async () => {
  await using server = await ActivatedServer.listen();
  await using socat = new Program("socat", [
    "-",
    `UNIX-CONNECT:${server.address}`,
  ]);
  for (const line of ["hello", "how are you?", "close"]) {
    await socat.type(`${line}\n`);
    await socat.stdout.line(line);
  }
  await socat.exits(0);
  await eventually(
    "the server has printed each line",
    () => server.stdout.seen,
    (seen) => seen.length === 4,
  );
});

for (const way of ["counting", "as a filter"]) {
  Deno.test(`${way}, it exits quietly when its output is closed early (SIGPIPE)`, async () => {
    await using server = await ActivatedServer.listen();
    const options = way === "counting"
      ? "--count 100000 --interval 1ms"
      : "--interactive";
    const { code, stdout, stderr } = await run("bash", [
      ...[
        "-c",
        `yes | "$0" ${options} "$1" | head -n 1; exit \${PIPESTATUS[1]}`,
      ],
      ...[IPC_CLIENT, server.address],
    ]);
    const greeting = "connect success !\n";
    assertEquals({ code, stdout, stderr: stderr.replace(greeting, "") }, {
      code: 141,
      stdout: way === "counting" ? "client start\n" : "y\n",
      stderr: "",
    });
  });
}
