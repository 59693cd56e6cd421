import { parseArgs as untypedParseArgs } from "@std/cli/parse-args";
import { UsageError } from "./exit_status.ts";
import type { Options, ValueOption } from "./program_usage.ts";

// The npm copy of @std/cli has no types; these are the ones used here.
const parseArgs = untypedParseArgs as (
  args: readonly string[],
  options: {
    "--": true;
    boolean: readonly string[];
    string: readonly string[];
    collect: readonly string[];
    unknown: (arg: string, key?: string) => false;
  },
) => Record<string, unknown> & { "--": string[] };

/** The names of options with a value. */
export type ValueName<O extends Options> = {
  [name in keyof O & string]: O[name] extends ValueOption ? name : never;
}[keyof O & string];

/** The names of options without a value. */
export type FlagName<O extends Options> = Exclude<
  keyof O & string,
  ValueName<O>
>;

/** The result of parsing a command line. */
export interface ParsedOptions<O extends Options> {
  /** The last given value of each option, or its default. */
  values: { [name in ValueName<O>]: string };
  /** Whether each flag was given. */
  flags: { [name in FlagName<O>]: boolean };
  /** Whether each option with a value was given. */
  given: { [name in ValueName<O>]: boolean };
  /** The arguments that are not options. */
  operands: string[];
}

/**
 * Parses a command line strictly. Long options may have one dash (as in Go) or two.
 *
 * @throws {UsageError} An option is unknown, lacks its value, or has a value although
 * it is a flag.
 */
export function parseOptions<O extends Options>(
  args: readonly string[],
  options: O,
): ParsedOptions<O>;
export function parseOptions(
  args: readonly string[],
  options: Options,
): ParsedOptions<Options> {
  const withValue = new Map<string, string>();
  const withoutValue: string[] = [];
  for (const [name, option] of Object.entries(options)) {
    if ("value" in option) withValue.set(name, option.default);
    else withoutValue.push(name);
  }
  const operands: string[] = [];
  const parsed = parseArgs(canonical(args, options), {
    "--": true,
    boolean: withoutValue,
    string: [...withValue.keys()],
    collect: [...withValue.keys()],
    // Also called for operands, before the library converts some to numbers.
    unknown(arg, key) {
      if (key !== undefined) throw new UsageError(`Unknown option "${arg}"`);
      operands.push(arg);
      return false;
    },
  });
  const values: Record<string, string> = {};
  const given: Record<string, boolean> = {};
  for (const [name, byDefault] of withValue) {
    const all = parsed[name] as string[];
    if (all.includes("")) {
      throw new UsageError(`Option "--${name}" needs a value`);
    }
    given[name] = all.length > 0;
    values[name] = all.at(-1) ?? byDefault;
  }
  const flags = Object.fromEntries(
    withoutValue.map((name) => [name, parsed[name] as boolean]),
  );
  return { values, flags, given, operands: [...operands, ...parsed["--"]] };
}

/**
 * Rewrites arguments for the library, which cannot accept long options with one dash, and
 * cannot refuse a value of a flag, nor `--no-flag=value`. `--flag=true` prevents that an
 * operand `true` or `false` becomes the value of the flag before it.
 */
function canonical(args: readonly string[], options: Options): string[] {
  const letters = new Map<string, string>();
  for (const [name, option] of Object.entries(options)) {
    if ("letter" in option) letters.set(`-${option.letter}`, name);
  }
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  return before.map((arg) => {
    const [, written, value] = /^(-+[^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (written === undefined) return arg;
    const name = letters.get(written) ?? written.replace(/^--?/, "");
    if (!Object.hasOwn(options, name)) return written;
    if ("value" in options[name]!) {
      return value === undefined ? `--${name}` : `--${name}=${value}`;
    }
    if (value !== undefined) {
      throw new UsageError(`Option "--${name}" takes no value`);
    }
    return `--${name}=true`;
  }).concat(args.slice(before.length));
}
