/** How the bench runs, from the environment. */
export interface Settings {
  /** How often everything is measured. */
  rounds: number;
  /** How long one load lasts, in seconds. */
  secondsEach: number;
  /** The number of idle connections, to measure the cost of each. */
  held: number;
  /** The keys of the contenders; all of them when empty. */
  only: string[];
  /** The file that gets the tables too. */
  report: string;
  /** What the Makefile gives V8 in the programs that are installed. */
  v8Flags: string;
}

/**
 * Reads the settings.
 *
 * @throws {Error} One of them is not a number above zero.
 */
export function readSettings(): Settings {
  const v8Flags = Deno.env.get("V8_FLAGS");
  if (v8Flags === undefined) throw new Error(`Start it with "make bench"`);
  return {
    rounds: number("ROUNDS", 5),
    secondsEach: number("SECONDS_EACH", 1),
    held: number("HELD", 4000),
    only: (Deno.env.get("CONTENDERS") ?? "").split(",").filter((key) =>
      key !== ""
    ),
    report: Deno.env.get("REPORT") || "build/bench.md",
    v8Flags,
  };
}

function number(name: string, otherwise: number): number {
  const text = Deno.env.get(name);
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (!(value > 0)) {
    throw new Error(`${name} is "${text}", not a number above 0`);
  }
  return value;
}
