import type { BenchResult } from "./bench.ts";
import type { BenchLoad } from "./bench_connection.ts";

/** Returns the result as a table. */
export function benchTable(
  result: BenchResult,
  load: BenchLoad,
): string[] {
  const { latencies, connections, interrupted } = result;
  const latency = (ms: number) => latencies.count === 0 ? "-" : latencyText(ms);
  const columns = [
    ["messages/s", grouped(perSecond(result, latencies.count))],
    ["MB/s", significant(perSecond(result, result.bytes / 1e6))],
    ["p50", latency(latencies.percentileMs(0.5))],
    ["p99", latency(latencies.percentileMs(0.99))],
    ["max", latency(latencies.maxMs)],
  ] as const;
  const row = (cells: readonly string[]) =>
    cells.map((cell) => cell.padStart(10)).join("  ");
  return [
    [
      `${(result.elapsedMs / 1e3).toFixed(2)} s${
        interrupted ? ", interrupted" : ""
      }`,
      plural(load.sizeBytes, "byte"),
      plural(connections, "connection"),
      `pipeline ${load.pipeline}`,
    ].join(", "),
    row(columns.map(([name]) => name)),
    row(columns.map(([, value]) => value)),
  ];
}

/** Returns the result as one line of JSON, each name with its unit. */
export function benchJson(
  result: BenchResult,
  load: BenchLoad,
): string {
  const { latencies } = result;
  const latency = (ms: number) =>
    latencies.count === 0 ? null : rounded(ms * 1e3, 1);
  return JSON.stringify({
    address: load.addressText,
    size_bytes: load.sizeBytes,
    connections: result.connections,
    pipeline: load.pipeline,
    duration_s: rounded(result.elapsedMs / 1e3, 6),
    interrupted: result.interrupted,
    messages: latencies.count,
    bytes: result.bytes,
    messages_per_second: rounded(perSecond(result, latencies.count), 1),
    megabytes_per_second: rounded(perSecond(result, result.bytes / 1e6), 3),
    latency_p50_us: latency(latencies.percentileMs(0.5)),
    latency_p99_us: latency(latencies.percentileMs(0.99)),
    latency_max_us: latency(latencies.maxMs),
  });
}

/** Returns the progress line of a running measurement. */
export function benchProgress(
  { elapsedMs, messages }: { elapsedMs: number; messages: number },
  durationMs: number,
): string {
  const perSecond = grouped(messages / (elapsedMs / 1e3));
  return `${(elapsedMs / 1e3).toFixed(1)} of ${
    durationMs / 1e3
  } s: ${perSecond} messages/s`;
}

function perSecond({ elapsedMs }: BenchResult, amount: number): number {
  return elapsedMs === 0 ? 0 : amount / (elapsedMs / 1e3);
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function latencyText(ms: number): string {
  if (ms >= 1e3) return `${significant(ms / 1e3)} s`;
  return ms >= 1 ? `${significant(ms)} ms` : `${significant(ms * 1e3)} µs`;
}

/** Formats with three digits, or with all digits before the point. */
function significant(value: number): string {
  return value >= 100 ? grouped(value) : value.toPrecision(3);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
