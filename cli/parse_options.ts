import { parseArgs as untypedParseArgs } from "@std/cli/parse-args";
import type { Options, ValueOption } from "./option.ts";
import { UsageError } from "./usage_error.ts";

// The npm copy of @std/cli carries no types; these are the ones used here.
const parseArgs = untypedParseArgs as (
  args: string[],
  options: {
    string: readonly string[];
    boolean: readonly string[];
  },
) => Record<string, unknown> & { _: string[] };

/** The names of the options that have a value. */
export type ValueName<O extends Options> = {
  [name in keyof O & string]: O[name] extends ValueOption ? name : never;
}[keyof O & string];

/** The names of the options that have none. */
export type FlagName<O extends Options> = Exclude<
  keyof O & string,
  ValueName<O>
>;

/** What a command line says. */
export interface ParsedOptions<O extends Options> {
  /** The values given, of an option given twice the last; else the defaults. */
  values: { [name in ValueName<O>]: string };
  /** Which flags were given. */
  flags: { [name in FlagName<O>]: boolean };
  /** Which options with a value were given. */
  given: { [name in ValueName<O>]: boolean };
  /** The arguments that are not options. */
  operands: string[];
}

/**
 * Parses a command line strictly. Long options may have one dash, as Go programs
 * have them, or two.
 *
 * @throws {UsageError} An option is unknown, lacks its value, or has a value
 * that it does not take.
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
    // "_" keeps operands that look like numbers as they were typed.
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

/** The names that may be written, by what they stand for. */
interface Names {
  /** Those with a value, and its default. */
  values: Map<string, string>;
  /** Those without one. */
  flags: Set<string>;
  /** The letters of flags, and their names. */
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
 * Returns the same command line in the one form that leaves nothing to guess:
 * `--name=value`, `--flag`, and the operands behind `--`. The parser alone would
 * let unknown and half-written options pass in several guises.
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

/** Whether all that follows the dash are letters of flags, at least one. */
function isLetters(arg: string, { letters }: Names): boolean {
  return arg.length > 1 && [...arg.slice(1)].every((it) => letters.has(it));
}

/** A value that begins with a dash is more likely a forgotten value. */
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
