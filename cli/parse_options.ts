import { parseArgs as untypedParseArgs } from "@std/cli/parse-args";
import type { Options, ValueOption } from "./program_usage.ts";
import { UsageError } from "./exit_status.ts";

// The npm copy of @std/cli carries no types; these are the ones used here.
const parseArgs = untypedParseArgs as (
  args: string[],
  options: {
    string: readonly string[];
    boolean: readonly string[];
  },
) => Record<string, unknown> & { _: string[] };

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
  const names = namesOf(options);
  const parsed = parseArgs(canonical(args, names), {
    // "_" keeps operands that look like numbers as strings.
    string: [...names.values.keys(), "_"],
    boolean: [...names.flags],
  });
  const values: Record<string, string> = {};
  const given: Record<string, boolean> = {};
  for (const [name, byDefault] of names.values) {
    const value = parsed[name] as string | undefined;
    given[name] = value !== undefined;
    values[name] = value ?? byDefault;
  }
  const flags = Object.fromEntries(
    Array.from(names.flags, (name) => [name, parsed[name] as boolean]),
  );
  return { values, flags, given, operands: parsed._ };
}

/** The accepted names. */
interface Names {
  /** Options with a value, and their defaults. */
  values: Map<string, string>;
  /** Options without a value. */
  flags: Set<string>;
  /** The letters of flags, with their names. */
  letters: Map<string, string>;
}

function namesOf(options: Options): Names {
  const names: Names = {
    values: new Map(),
    flags: new Set(),
    letters: new Map(),
  };
  for (const [name, option] of Object.entries(options)) {
    if ("value" in option) {
      names.values.set(name, option.default);
    } else {
      names.flags.add(name);
      if (option.letter !== undefined) names.letters.set(option.letter, name);
    }
  }
  return names;
}

/**
 * Returns the command line in an unambiguous form: `--name=value`, `--flag`, and the
 * operands after `--`. The parser alone accepts unknown and incomplete options.
 */
function canonical(args: readonly string[], names: Names): string[] {
  const options: string[] = [];
  const operands: string[] = [];
  const rest = args.values();
  for (const arg of rest) {
    if (arg === "--") {
      operands.push(...rest);
    } else if (arg === "-" || !arg.startsWith("-")) {
      operands.push(arg);
    } else if (isLetters(arg, names)) {
      for (const letter of arg.slice(1)) {
        options.push(`--${names.letters.get(letter)}`);
      }
    } else {
      const { written, value } = /^(?<written>[^=]+)(?:=(?<value>.*))?$/s
        .exec(arg)?.groups ?? {};
      const name = written?.replace(/^--?/, "") ?? "";
      if (names.values.has(name)) {
        options.push(`--${name}=${value ?? nextValue(rest, name)}`);
        if (value === "") throw new UsageError(needsValue(name));
      } else if (!names.flags.has(name)) {
        throw new UsageError(`Unknown option "${written ?? arg}"`);
      } else if (value !== undefined) {
        throw new UsageError(`Option "--${name}" takes no value`);
      } else {
        options.push(`--${name}`);
      }
    }
  }
  return [...options, "--", ...operands];
}

/** Whether the dash is followed only by letters of flags, at least one. */
function isLetters(arg: string, { letters }: Names): boolean {
  return arg.length > 1 && [...arg.slice(1)].every((it) => letters.has(it));
}

/** A next argument with a dash is an option: the value is missing. */
function nextValue(rest: Iterator<string>, name: string): string {
  const { value = "" } = rest.next();
  if (value === "" || (value.startsWith("-") && value !== "-")) {
    throw new UsageError(needsValue(name));
  }
  return value;
}

function needsValue(name: string): string {
  return `Option "--${name}" needs a value`;
}
