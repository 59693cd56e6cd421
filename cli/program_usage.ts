import type { Options } from "./option.ts";

/**
 * How a program is used. Its parser, its `--help`, its manual and the shells'
 * completions are all made of this; what only the manual tells is in `cli/manual/`.
 */
export interface ProgramUsage {
  /** What the program is called. */
  name: string;
  /** What follows the name on the command line. */
  synopsis: string;
  /** What stands for its operand, if it takes one: the address of a socket. */
  operand?: "ADDRESS";
  /** What it does, in lines of at most 80 columns. */
  about: string;
  /** Its options. */
  options: Options;
  /** What else the help tells, in lines of at most 80 columns. */
  notes: string;
  /** What its exit statuses mean. */
  exits: Readonly<Record<number, string>>;
}
