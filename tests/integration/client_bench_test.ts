// ipc-client --bench: its figures for any server, and its failures.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { eventually } from "../support/eventually.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { freePort, TestServer } from "../support/test_server.ts";
import { ActivatedServer, KINDS } from "./activated_server.ts";
import { Screen } from "./client_screen.ts";
import { assertOneLine } from "./one_line.ts";

const BRIEFLY = ["--bench", "--duration=800ms"];

/** The object that `--json` prints. */
interface Measured {
  address: string;
  size_bytes: number;
  connections: number;
  pipeline: number;
  duration_s: number;
  interrupted: boolean;
  messages: number;
  bytes: number;
  messages_per_second: number;
  megabytes_per_second: number;
  latency_p50_us: number;
  latency_p99_us: number;
  latency_max_us: number;
}

/** Measures a server, which must succeed, and checks that the figures agree. */
async function measured(
  address: string,
  ...options: string[]
): Promise<Measured> {
  const { code, stdout, stderr } = await run(
    IPC_CLIENT,
    [...BRIEFLY, "--json", ...options, address],
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertMatch(stdout, /^\{.*\}\n$/);
  const result: Measured = JSON.parse(stdout);
  assertEquals(result.address, address);
  assertEquals(result.interrupted, false);
  assert(result.duration_s >= 0.799, stdout);
  assert(result.messages > 0, stdout);
  assert(result.bytes >= result.messages * result.size_bytes, stdout);
  const rate = result.messages / result.duration_s;
  // The duration is rounded to a microsecond.
  const rounding = Math.max(1, rate * 1e-5);
  assert(Math.abs(rate - result.messages_per_second) < rounding, stdout);
  assert(result.latency_p50_us > 0, stdout);
  assert(result.latency_p50_us <= result.latency_p99_us, stdout);
  assert(result.latency_p99_us <= result.latency_max_us, stdout);
  return result;
}

async function failure(args: string[], ...says: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(IPC_CLIENT, args);
  assertOneLine("ipc-client", stderr, ...says);
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
}

for (const kind of KINDS) {
  Deno.test(`it measures our server, over ${kind}`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    const result = await measured(server.address);
    assertEquals(
      [result.size_bytes, result.connections, result.pipeline],
      [64, 1, 1],
    );
    assertEquals(server.complaints(), []);
    // The server has not received "close", and serves the next connection.
    using conn = await server.connect();
    await send(conn, "close");
    assertEquals(await receiveAllText(conn), "close");
    // This server closes on "close", which no measured message contains.
    const near = server.stdout.seen.filter((line) => /recv: .*clos/.test(line));
    assert(near.every((line) => line === "server recv: close"), near.join());
  });
}

const LOADS: [size: number, connections: number, pipeline: number][] = [
  [1, 3, 100],
  [64, 40, 4],
  [100_000, 2, 3],
  [1_000_000, 2, 4],
];
for (const [size, connections, pipeline] of LOADS) {
  Deno.test(`it keeps ${pipeline} messages of ${size} bytes going on ${connections} connections`, async () => {
    await using server = await ActivatedServer.with("--quiet");
    const result = await measured(
      server.address,
      `--size=${size}`,
      `--connections=${connections}`,
      `--pipeline=${pipeline}`,
    );
    assertEquals(
      [result.size_bytes, result.connections, result.pipeline],
      [size, connections, pipeline],
    );
    assertEquals(server.complaints(), []);
  });
}

/** Echo servers that are not ours: commands that listen at a path. */
const OTHERS: Record<string, (path: string) => [string, ...string[]]> = {
  "socat": (path) => ["socat", `UNIX-LISTEN:${path},fork`, "PIPE"],
  "Deno.listen": (path) => [
    Deno.execPath(),
    "eval",
    `for await (const conn of Deno.listen({ transport: "unix", path: "${path}" })) {
      conn.readable.pipeTo(conn.writable);
    }`,
  ],
  "a server of lines": (path) => [
    "python3",
    "-c",
    `import socketserver
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
socketserver.ThreadingUnixStreamServer("${path}", Lines).serve_forever()`,
  ],
};
for (const [name, command] of Object.entries(OTHERS)) {
  Deno.test(`it measures ${name}`, async () => {
    using directory = new TempDir();
    const path = directory.join("other.socket");
    const [program, ...args] = command(path);
    await using other = new Program(program, args, {
      env: { HOME: directory.path },
    });
    await measured(path, "--retry", "--connections=2", "--pipeline=3");
    assertEquals(other.stderr.seen, []);
  });
}

Deno.test("without --json it prints a small table", async () => {
  await using server = await ActivatedServer.listen();
  const { code, stdout, stderr } = await run(
    IPC_CLIENT,
    [...BRIEFLY, server.address],
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const [settings, heading, numbers, ...rest] = stdout.split("\n");
  assertMatch(settings!, /^0\.[89]\d s, 64 bytes, 1 connection, pipeline 1$/);
  assertEquals(heading!.trim().split(/ +/), [
    "messages/s",
    "MB/s",
    "p50",
    "p99",
    "max",
  ]);
  assertMatch(numbers!, /^ +[\d,]+ +[\d.]+(?: +[\d.,]+ (?:µs|ms|s)){3}$/);
  assertEquals(rest, [""]);
});

Deno.test("Ctrl-C ends it early with the figures so far and status 130", async () => {
  await using server = await ActivatedServer.with("--quiet");
  await using client = new Program(IPC_CLIENT, [
    "--bench",
    "--duration=1h",
    "--json",
    server.address,
  ]);
  await server.stdout.line("server start");
  // It listens to signals from the time on that it measures.
  await eventually(
    "the client handles SIGINT",
    () => Deno.readTextFileSync(`/proc/${client.pid}/status`),
    (status) =>
      (BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)![1]}`) & 2n) !== 0n,
  );
  client.kill("SIGINT");
  await client.exits(130);
  assertEquals(client.stderr.seen, []);
  const result: Measured = JSON.parse(client.stdout.seen[0]!);
  assertEquals(result.interrupted, true);
  assert(result.duration_s < 60);
});

Deno.test("at a terminal it shows progress, and keeps only the result", async () => {
  await using server = await ActivatedServer.with("--quiet");
  await using screen = await Screen.open(
    `${IPC_CLIENT} --bench --duration=3s ${server.address}; echo "status $?"`,
  );
  await screen.shows(/^[\d.]+ of 3 s: [\d,]+ messages\/s$/);
  await screen.shows(/^3\.\d\d s, /, /^messages\/s/, /[\d,]+ /, "status 0");
});

Deno.test("no server listens", async () => {
  const address = `127.0.0.1:${freePort("127.0.0.1")}`;
  await failure([...BRIEFLY, address], address, "refused");
});

Deno.test("with --retry it waits for the server, up to --timeout", async () => {
  await failure(
    [
      ...BRIEFLY,
      "--retry",
      "--connect-timeout=300ms",
      "--connections=3",
      "/no/such/socket",
    ],
    "/no/such/socket",
    "300 ms",
  );
});

Deno.test("a server that echoes other bytes is found out", async () => {
  using server = new TestServer(async (conn) => {
    await send(conn, await receive(conn, 640));
    await send(conn, (await receive(conn, 64)).fill(0x78));
  });
  await failure(
    [...BRIEFLY, "--pipeline=10", server.address],
    `Wrong echo from "${server.address}": on connection 1, the byte at offset 640 `,
  );
});

Deno.test("a server that stops replying is given up after --timeout", async () => {
  using server = new TestServer(async (conn) => {
    await send(conn, await receive(conn, 64));
    await receive(conn, 1_000);
  });
  await failure(
    ["--bench", "--duration=1h", "--timeout=300ms", server.address],
    `No reply from "${server.address}" within 300 ms: connection 1 got 64 of 128 bytes back`,
  );
});

Deno.test("a killed server is reported, with the progress", async () => {
  await using server = await ActivatedServer.with("--quiet");
  await using client = new Program(IPC_CLIENT, [
    "--bench",
    "--duration=1h",
    "--connections=3",
    server.address,
  ]);
  await server.stdout.line("server start");
  server.program.kill("SIGKILL");
  await client.exits(1);
  const stderr = client.stderr.seen.map((line) => `${line}\n`).join("");
  assertOneLine("ipc-client", stderr, server.address);
});
