const coverage = Deno.env.get("DENO_COVERAGE_DIR");

/**
 * The command that runs a program of this repository, and stops for no prompt.
 * Permissions, the program and its arguments are to follow. What it covers counts
 * with the coverage of the tests themselves.
 */
export const DENO_RUN: readonly string[] = [
  Deno.execPath(),
  ...["run", "--quiet", "--no-check", "--no-prompt"],
  ...(coverage === undefined ? [] : [`--coverage=${coverage}`]),
];
