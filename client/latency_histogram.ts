/** The resolution, in milliseconds: 0.1 µs. */
const STEP_MS = 1e-4;

/** Each power of two has 2⁷ buckets: the error is at most 1/128. */
const DIVISION_BITS = 7;
const DIVISIONS = 2 ** DIVISION_BITS;

/** The longest distinguished latency, about 7 minutes; the maximum stays exact. */
const STEPS_MAX = 2 ** 32 - 1;

/** Counts latencies in buckets of growing width, in constant memory. */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(bucketOf(STEPS_MAX) + 1);
  #count = 0;
  #maxMs = 0;

  /** The number of latencies. */
  get count(): number {
    return this.#count;
  }

  /** The longest latency, in milliseconds; 0 when there is none. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Adds a latency, in milliseconds. */
  add(ms: number): void {
    this.#buckets[bucketOf(ms / STEP_MS)]! += 1;
    this.#count += 1;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /**
   * Returns a percentile (nearest rank), in milliseconds, within 1 %.
   *
   * @param share From 0 to 1: 0.5 for the median.
   * @returns 0 when there is no latency.
   */
  percentileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      seen += count;
      if (seen >= rank) {
        return Math.min(middleOf(bucket) * STEP_MS, this.#maxMs);
      }
    }
    return 0;
  }
}

function bucketOf(steps: number): number {
  const whole = Math.min(steps, STEPS_MAX) >>> 0;
  if (whole < 2 * DIVISIONS) return whole;
  const shift = 31 - Math.clz32(whole) - DIVISION_BITS;
  return shift * DIVISIONS + (whole >>> shift);
}

function middleOf(bucket: number): number {
  if (bucket < 2 * DIVISIONS) return bucket;
  const shift = Math.floor(bucket / DIVISIONS) - 1;
  return (bucket - shift * DIVISIONS + 0.5) * 2 ** shift;
}
