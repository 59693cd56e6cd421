/**
 * What stands for a value in the help, and says what it is: a duration (TIME), an
 * integer (N), or a name (NAME).
 */
export type ValueKind = "TIME" | "N" | "NAME";

/** An option without a value: `--quiet`. */
export interface Flag {
  /** What it is for: a clause, in the imperative or as it reads best. */
  help: string;
  /** The letter that stands for it as well: `-h`. */
  letter?: string;
  /** It is mostly written with one dash. Two are understood just the same. */
  oneDash?: true;
}

/** An option with a value: `--name NAME`. */
export interface ValueOption {
  /** What it is for, as {@linkcode Flag.help}. */
  help: string;
  /** What its value is. */
  value: ValueKind;
  /** The value that it has when it is not given. */
  default: string;
  /** What that means, where it does not speak for itself: `never`. */
  defaultMeans?: string;
}

/** An option of a program. */
export type Option = Flag | ValueOption;

/** The options of a program by their names, in the order of its help. */
export type Options = Readonly<Record<string, Option>>;

/** The options that every program has, which come last. */
export const COMMON_OPTIONS = {
  help: { letter: "h", help: "print this help" },
  version: { letter: "V", help: "print the version" },
} as const satisfies Options;

/** Returns the option as it is mostly written: `--name`, `-unix`. */
export function writtenOption(name: string, option: Option): string {
  return "oneDash" in option ? `-${name}` : `--${name}`;
}

/** Returns the default and what it means: `0, never`; undefined for a flag. */
export function writtenDefault(option: Option): string | undefined {
  if (!("value" in option)) return undefined;
  const { default: value, defaultMeans } = option;
  return defaultMeans === undefined ? value : `${value}, ${defaultMeans}`;
}
