import { assert, assertEquals } from "@std/assert";
import { LatencyHistogram } from "../../client/latency_histogram.ts";
import { withRandom } from "../support/random.ts";

Deno.test("histogram: percentiles are those of all latencies, by nearest rank, within 1 %", async () => {
  await withRandom((random) => {
    const histogram = new LatencyHistogram();
    const all = Array.from({ length: 20_000 }, () => {
      // From 1 µs to 400 s, as many in each power of ten.
      const ms = Math.min(10 ** (-3 + 9 * random.next() / 2 ** 32), 400_000);
      histogram.add(ms);
      return ms;
    }).sort((a, b) => a - b);
    assertEquals([histogram.count, histogram.maxMs], [20_000, all.at(-1)]);
    for (const share of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = all[Math.max(1, Math.ceil(share * all.length)) - 1]!;
      const ms = histogram.percentileMs(share);
      // Latencies are counted in steps of 0.1 µs.
      const isNear = Math.abs(ms - exact) <= 0.01 * exact + 1e-4;
      assert(isNear, `p${share * 100}: ${ms} instead of ${exact}`);
    }
    return Promise.resolve();
  });
});

Deno.test("histogram: the longest latency is exact, and no percentile exceeds it", () => {
  const histogram = new LatencyHistogram();
  histogram.add(1.000_3);
  assertEquals(histogram.percentileMs(1), 1.000_3);
  histogram.add(86_400_000);
  assertEquals(histogram.maxMs, 86_400_000);
});
