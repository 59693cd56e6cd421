import { assertEquals } from "@std/assert";
import type { BenchResult } from "../../client/bench.ts";
import {
  benchJson,
  benchProgress,
  benchTable,
} from "../../client/bench_output.ts";
import { LatencyHistogram } from "../../client/latency_histogram.ts";
import { ProgressLine } from "../../client/run_bench.ts";

const SETTINGS = { addressText: "/s", sizeBytes: 1_000, pipeline: 2 };

function result(latenciesMs: number[]): BenchResult {
  const latencies = new LatencyHistogram();
  for (const ms of latenciesMs) latencies.add(ms);
  return {
    elapsedMs: 2_000,
    interrupted: false,
    connections: 1,
    bytes: latenciesMs.length * 1_000 + 500,
    latencies,
  };
}

const MEASURED = result([...Array(98).fill(0.05), 2, 1_500]);

Deno.test("bench output: the table has a heading, and each number its unit", () => {
  assertEquals(benchTable(MEASURED, SETTINGS), [
    "2.00 s, 1000 bytes, 1 connection, pipeline 2",
    "messages/s        MB/s         p50         p99         max",
    "        50      0.0503     50.1 µs     2.00 ms      1.50 s",
  ]);
});

Deno.test("bench output: without a message there is no latency, and no NaN", () => {
  const none = { ...result([]), bytes: 0, elapsedMs: 0, interrupted: true };
  assertEquals(benchTable(none, SETTINGS), [
    "0.00 s, interrupted, 1000 bytes, 1 connection, pipeline 2",
    "messages/s        MB/s         p50         p99         max",
    "         0        0.00           -           -           -",
  ]);
  const { latency_p50_us, messages_per_second } = JSON.parse(
    benchJson(none, SETTINGS),
  );
  assertEquals([latency_p50_us, messages_per_second], [null, 0]);
});

Deno.test("bench output: the JSON is one line, with the units in the names", () => {
  const json = benchJson(MEASURED, SETTINGS);
  assertEquals(json.includes("\n"), false);
  assertEquals(JSON.parse(json), {
    address: "/s",
    size_bytes: 1_000,
    connections: 1,
    pipeline: 2,
    duration_s: 2,
    interrupted: false,
    messages: 100,
    bytes: 100_500,
    messages_per_second: 50,
    megabytes_per_second: 0.05,
    latency_p50_us: 50.1,
    latency_p99_us: 2_003.2,
    latency_max_us: 1_500_000,
  });
});

Deno.test("bench output: progress replaces the last, is removed at the end, and outlives the terminal", () => {
  const lines: string[] = [];
  const isTerminal = () => true;
  {
    using line = new ProgressLine({
      isTerminal,
      writeSync: (bytes) => lines.push(new TextDecoder().decode(bytes)),
    });
    line.show(benchProgress({ elapsedMs: 1_500, messages: 30_000 }, 5_000));
    line.show("two");
  }
  assertEquals(lines, [
    "\r\x1b[K1.5 of 5 s: 20,000 messages/s",
    "\r\x1b[Ktwo",
    "\r\x1b[K",
  ]);
  using line = new ProgressLine({
    isTerminal,
    writeSync() {
      throw new Error("Input/output error (os error 5)");
    },
  });
  line.show("one");
});
