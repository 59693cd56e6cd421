/** A function that counts, and reports several counts together. */
export interface Throttled {
  /** Adds to the count; the first is reported at once, later ones once an interval. */
  (count?: number): void;
  /** Reports now what was counted and not reported. */
  flush(): void;
}

/**
 * Returns a function that adds up a count and reports it at most once an interval.
 *
 * @param intervalMs The interval, in milliseconds.
 * @param report Gets the count since the last report.
 */
export function throttle(
  intervalMs: number,
  report: (count: number) => void,
): Throttled {
  let count = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (count === 0) return;
    report(count);
    count = 0;
    timer = setTimeout(flush, intervalMs);
  };
  const add = (more = 1) => {
    count += more;
    if (timer === undefined) flush();
  };
  return Object.assign(add, { flush });
}
