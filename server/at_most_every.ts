/**
 * Returns a function that counts its calls and has them told: the first at once,
 * those that follow together, once an interval.
 *
 * @param intervalMs The interval, in milliseconds.
 * @param tell Told how many calls there were since it was last told.
 */
export function atMostEvery(
  intervalMs: number,
  tell: (count: number) => void,
): () => void {
  let count = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tellNow = () => {
    timer = undefined;
    if (count === 0) return;
    tell(count);
    count = 0;
    timer = setTimeout(tellNow, intervalMs);
  };
  return () => {
    count += 1;
    if (timer === undefined) tellNow();
  };
}
