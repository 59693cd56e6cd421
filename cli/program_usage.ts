/**
 * The usage of a program: the source of its parser and its `--help`, which shell
 * completions read. A test compares its manual with it.
 */
export interface ProgramUsage {
  /** The name of the program. */
  name: string;
  /** The arguments after the name. */
  synopsis: string;
  /** The description, in lines of at most 80 columns. */
  about: string;
  /** The options. */
  options: Options;
  /** More text of the help, in lines of at most 80 columns. */
  notes: string;
  /** The meanings of the exit statuses. */
  exits: Readonly<Record<number, string>>;
}

/** An option without a value: `--quiet`. */
export interface Flag {
  /** The description: a clause, usually in the imperative. */
  help: string;
  /** The short form: `-h`. */
  letter?: string;
  /** Whether the usual form has one dash; two dashes are accepted too. */
  oneDash?: true;
}

/** An option with a value: `--name NAME`. */
export interface ValueOption {
  /** As {@linkcode Flag.help}. */
  help: string;
  /** The metavariable of its value: `TIME`, `N`, `NAME`. */
  value: string;
  /** The default value. */
  default: string;
  /** The meaning of the default, if it is not obvious: `never`. */
  defaultMeans?: string;
}

/** An option of a program. */
export type Option = Flag | ValueOption;

/** The options of a program by name, in the order of its help. */
export type Options = Readonly<Record<string, Option>>;

/** The last options of every program. */
export const COMMON_OPTIONS = {
  help: { letter: "h", help: "print this help" },
  version: { letter: "V", help: "print the version" },
} as const satisfies Options;

/** Returns the usual form of an option: `--name`, `-unix`. */
export function writtenOption(name: string, option: Option): string {
  return "oneDash" in option ? `-${name}` : `--${name}`;
}

/** Returns the default and its meaning: `0, never`; undefined for a flag. */
export function writtenDefault(option: Option): string | undefined {
  if (!("value" in option)) return undefined;
  const { default: value, defaultMeans } = option;
  return defaultMeans === undefined ? value : `${value}, ${defaultMeans}`;
}
