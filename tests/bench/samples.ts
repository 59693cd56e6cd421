/** What was measured: for each round one value of each measure, for each program. */
export class Samples {
  readonly #values = new Map<string, number[][]>();

  /** Adds a value; a round may have several of the same kind. */
  add(round: number, measure: string, program: string, value: number): void {
    const key = `${measure} ${program}`;
    const rounds = this.#values.get(key) ?? [];
    this.#values.set(key, rounds);
    (rounds[round] ??= []).push(value);
  }

  /** The value of each round: the median where it has several. */
  of(measure: string, program: string): number[] {
    return (this.#values.get(`${measure} ${program}`) ?? []).map(median);
  }
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Combines two series round by round: a disturbance affects both. */
export function perRound(
  a: readonly number[],
  b: readonly number[],
  combine: (a: number, b: number) => number,
): number[] {
  return a.map((value, round) => combine(value, b[round]!))
    .filter((value) => !Number.isNaN(value));
}
