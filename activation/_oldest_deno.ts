/**
 * The oldest supported release of Deno, the first without the socket leak in `node:net`.
 * A test compares other places with it.
 */
export const OLDEST_DENO = "2.9.2";

/** Whether a release of Deno is older than the oldest supported one. */
export function isUnsupported(version: string): boolean {
  const [numbers, oldest] = [version, OLDEST_DENO]
    .map((each) => each.match(/\d+/g)!.slice(0, 3).map(Number));
  const at = numbers!.findIndex((number, i) => number !== oldest![i]);
  return at >= 0 && numbers![at]! < oldest![at]!;
}
