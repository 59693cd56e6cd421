import { assert, assertEquals } from "@std/assert";
import { LatencyHistogram } from "../../client/latency_histogram.ts";
import { withRandom } from "../support/random.ts";

const PERCENTILES = [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1];

/** The nearest-rank percentile of all the values. */
function exactPercentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
}

Deno.test("histogram: without a latency, everything is 0", () => {
  const histogram = new LatencyHistogram();
  assertEquals(
    [histogram.count, histogram.maxMs, histogram.percentileMs(0.5)],
    [0, 0, 0],
  );
});

Deno.test("histogram: percentiles are those of all latencies, within 1 %", async () => {
  await withRandom((random) => {
    const histogram = new LatencyHistogram();
    const all = Array.from({ length: 20_000 }, () => {
      // From 1 µs to 1,000 s, as many in each power of ten.
      const ms = 10 ** (-3 + 9 * random.next() / 2 ** 32);
      const kept = Math.min(ms, 400_000);
      histogram.add(kept);
      return kept;
    }).sort((a, b) => a - b);
    assertEquals(histogram.count, all.length);
    assertEquals(histogram.maxMs, all.at(-1));
    for (const share of PERCENTILES) {
      const exact = exactPercentile(all, share);
      const told = histogram.percentileMs(share);
      // Latencies are counted in steps of 0.1 µs.
      const off = Math.abs(told - exact);
      assert(
        off <= 0.01 * exact + 1e-4,
        `p${share * 100}: ${told} instead of ${exact}`,
      );
    }
    return Promise.resolve();
  });
});

Deno.test("histogram: every latency up to 7 minutes is within 1 % of where it is counted", () => {
  for (let ms = 0.02; ms < 420_000; ms *= 1.003) {
    const histogram = new LatencyHistogram();
    histogram.add(ms);
    histogram.add(1e9);
    const off = Math.abs(histogram.percentileMs(0.5) - ms);
    assert(off <= 0.01 * ms, `${ms} is ${histogram.percentileMs(0.5)}`);
  }
});

Deno.test("histogram: the longest latency is exact, and no percentile exceeds it", () => {
  const histogram = new LatencyHistogram();
  histogram.add(1.000_3);
  assertEquals(histogram.percentileMs(1), 1.000_3);
  histogram.add(86_400_000);
  assertEquals(histogram.maxMs, 86_400_000);
});

Deno.test("histogram: one slow message in a hundred is the p99's neighbour, not the p99", () => {
  const histogram = new LatencyHistogram();
  for (let i = 0; i < 99; i++) histogram.add(1);
  histogram.add(100);
  assert(histogram.percentileMs(0.99) < 1.01);
  assert(histogram.percentileMs(0.995) > 99);
});
