// ipc-client --bench as a process; tests/client has the cases.

import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { IPC_CLIENT, Program, run } from "../support/program.ts";
import { ActivatedServer } from "./activated_server.ts";
import { Screen } from "./screen.ts";

Deno.test("it measures several connections with several messages each", async () => {
  await using server = await ActivatedServer.with("--quiet");
  const { code, stdout, stderr } = await run(IPC_CLIENT, [
    ...["--bench", "--duration=800ms", "--json", "--size=100000"],
    ...["--connections=40", "--pipeline=4", server.address],
  ]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const result = JSON.parse(stdout);
  const { address, size_bytes, connections, pipeline, interrupted } = result;
  assertEquals(
    [address, size_bytes, connections, pipeline, interrupted],
    [server.address, 100_000, 40, 4, false],
  );
  assert(result.duration_s >= 0.799, stdout);
  assert(result.messages > 0 && result.latency_p50_us > 0, stdout);
  assert(result.bytes >= result.messages * 100_000, stdout);
  assertEquals(server.complaints(), []);
});

Deno.test("Ctrl-C ends it early with the figures so far and status 130", async () => {
  await using server = await ActivatedServer.with("--quiet");
  const args = ["--bench", "--duration=1h", "--json", server.address];
  await using client = new Program(IPC_CLIENT, args);
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
  const { interrupted, duration_s } = JSON.parse(client.stdout.seen[0]!);
  assert(interrupted && duration_s < 60, client.stdout.seen[0]);
});

Deno.test("at a terminal it shows progress, and keeps only the table", async () => {
  await using server = await ActivatedServer.with("--quiet");
  await using screen = await Screen.open(
    `${IPC_CLIENT} --bench --duration=3s ${server.address}; echo "status $?"`,
  );
  await screen.shows(/^[\d.]+ of 3 s: [\d,]+ messages\/s$/);
  await screen.shows(/^3\.\d\d s, /, /^messages\/s/, /[\d,]+ /, "status 0");
});
