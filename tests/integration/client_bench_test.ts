// ipc-client --bench as a process; tests/client has the cases.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { receiveAllText, send } from "../support/peer.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { ActivatedServer } from "./activated_server.ts";
import { Screen } from "./client_screen.ts";

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

Deno.test("it measures several connections with several messages each", async () => {
  await using server = await ActivatedServer.with("--quiet");
  const options = ["--size=100000", "--connections=40", "--pipeline=4"];
  const result = await measured(server.address, ...options);
  assertEquals(
    [result.size_bytes, result.connections, result.pipeline],
    [100_000, 40, 4],
  );
  assertEquals(server.complaints(), []);
});

Deno.test("it waits for a server of another make with --retry, and prints a table", async () => {
  using directory = new TempDir();
  const path = directory.join("other.socket");
  await using _socat = new Program("socat", [
    ...[`UNIX-LISTEN:${path},fork`, "PIPE"],
  ]);
  const args = [...BRIEFLY, "--retry", "--connections=2", path];
  const { code, stdout, stderr } = await run(IPC_CLIENT, args);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const [settings, , numbers] = stdout.split("\n");
  assertMatch(settings!, /^0\.[89]\d s, 64 bytes, 2 connections, pipeline 1$/);
  assertMatch(numbers!, /^ +[\d,]+ +[\d.]+(?: +[\d.,]+ (?:µs|ms|s)){3}$/);
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
  // It handles signals only while it measures.
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
