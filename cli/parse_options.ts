import { parseArgs as untypedParseArgs } from "@std/cli/parse-args";
import { UsageError } from "./usage_error.ts";

// The npm copy of @std/cli carries no types; these are the ones used here.
const parseArgs = untypedParseArgs as (
  args: string[],
  options: {
    string: readonly string[];
    boolean: readonly string[];
  },
) => Record<string, unknown> & { _: string[] };

/** The options that a program knows. */
export interface OptionNames<V extends string, F extends string> {
  /** Options with a value: `--name VALUE`. */
  values: readonly V[];
  /** Options without one: `--quiet`. */
  flags: readonly F[];
}

/** What a command line says. */
export interface ParsedOptions<V extends string, F extends string> {
  /** The values given; of an option given twice, the last. */
  values: { [name in V]?: string };
  /** Which flags were given. */
  flags: { [name in F]: boolean };
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
export function parseOptions<V extends string, F extends string>(
  args: readonly string[],
  names: OptionNames<V, F>,
): ParsedOptions<V, F> {
  const parsed = parseArgs(canonical(args, names), {
    // "_" keeps operands that look like numbers as they were typed.
    string: [...names.values, "_"],
    boolean: names.flags,
  });
  const values = names.values.filter((name) => parsed[name] !== undefined)
    .map((name) => [name, parsed[name]]);
  const flags = names.flags.map((name) => [name, parsed[name]]);
  return {
    values: Object.fromEntries(values),
    flags: Object.fromEntries(flags),
    operands: parsed._,
  };
}

/**
 * Returns the same command line in the one form that leaves nothing to guess:
 * `--name=value`, `--flag`, and the operands behind `--`. The parser alone would
 * let unknown and half-written options pass in several guises.
 */
function canonical<V extends string, F extends string>(
  args: readonly string[],
  names: OptionNames<V, F>,
): string[] {
  const takesValue = new Set<string>(names.values);
  const isFlag = new Set<string>(names.flags);
  const options: string[] = [];
  const operands: string[] = [];
  const rest = args.values();
  for (const arg of rest) {
    if (arg === "--") {
      operands.push(...rest);
    } else if (arg === "-" || !arg.startsWith("-")) {
      operands.push(arg);
    } else if (/^-[hV]+$/.test(arg)) {
      for (const letter of arg.slice(1)) options.push(`--${SHORT[letter]}`);
    } else {
      const { written, value } = /^(?<written>[^=]+)(?:=(?<value>.*))?$/s
        .exec(arg)?.groups ?? {};
      const name = written?.replace(/^--?/, "") ?? "";
      if (takesValue.has(name)) {
        options.push(`--${name}=${value ?? nextValue(rest, name)}`);
        if (value === "") throw new UsageError(needsValue(name));
      } else if (!isFlag.has(name)) {
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

/** The letters of the flags that have one. */
const SHORT: Record<string, string> = { h: "help", V: "version" };

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
