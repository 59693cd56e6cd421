/** The samples of this run, and the tables that show them. */

/** For each measure of a program, the values of each round. */
const samples = new Map<string, number[][]>();

/** Adds a value; a round may have several of the same kind. */
export function record(
  round: number,
  measure: string,
  program: string,
  value: number,
): void {
  const key = `${measure} ${program}`;
  const rounds = samples.get(key) ?? [];
  samples.set(key, rounds);
  (rounds[round] ??= []).push(value);
}

/** The value of each round: the median where it has several. */
export function valuesOf(measure: string, program: string): number[] {
  return (samples.get(`${measure} ${program}`) ?? []).map(median);
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Divides round by round: a disturbance affects both. Empty when one is. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / b[round]!).filter(Number.isFinite);
}

/** As {@linkcode ratios}, the differences. */
export function differences(a: readonly number[], b: number[]): number[] {
  return a.map((value, round) => value - b[round]!).filter(Number.isFinite);
}

/** Formats a figure. */
export function showNumber(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A table of Markdown whose columns are aligned: the first left, all others right. */
export function markdownTable(head: string[], rows: string[][]): string {
  if (rows.length === 0) return "";
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]!.length))
  );
  const line = (cells: string[]) =>
    `| ${
      cells.map((text, column) =>
        column === 0
          ? text.padEnd(widths[column]!)
          : text.padStart(widths[column]!)
      ).join(" | ")
    } |`;
  const ruler = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [head, ruler, ...rows].map(line).join("\n");
}

/** A target; without values when something that it needs was not measured. */
export type Target = [
  title: string,
  values: number[],
  sign: "≤" | "≥",
  limit: number,
];

/** The table of the targets that were measured. */
export function targetTable(targets: readonly Target[]): string {
  return markdownTable(
    ["target", "wanted", "median", "rounds", "reached"],
    targets.filter(([, values]) => values.length > 0).map(
      ([title, values, sign, limit]) => {
        const value = median(values);
        const [least, most] = [Math.min(...values), Math.max(...values)];
        return [
          title,
          `${sign} ${limit}`,
          showNumber(value, 2),
          `${showNumber(least, 2)} … ${showNumber(most, 2)}`,
          (sign === "≤" ? value <= limit : value >= limit) ? "yes" : "no",
        ];
      },
    ),
  );
}
