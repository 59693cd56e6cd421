import config from "../deno.json" with { type: "json" };
import { logger } from "../mod.ts";
import { EXIT } from "./exit_status.ts";
import { UsageError } from "./usage_error.ts";
import { OutputError } from "./write_line.ts";

/** What a program is called, and what it does with its arguments. */
export interface Program {
  /** Its name, as messages show it. */
  name: string;
  /** Runs it and returns its exit status. */
  run(args: readonly string[]): Promise<number>;
}

/**
 * Runs a program and exits with its status. Whatever goes wrong is told on one
 * line of stderr: an operator never meets a stack trace.
 */
export async function runProgram(program: Program): Promise<never> {
  const { name } = program;
  const fail = (error: unknown) => Deno.exit(report(name, error));
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error);
  });
  try {
    Deno.exit(await program.run(Deno.args));
  } catch (error) {
    return fail(error);
  }
}

/** Returns what `--version` prints. */
export function versionLine(name: string): string {
  return `${name} ${config.version} (Deno ${Deno.version.deno})`;
}

/**
 * Tells an operator about a problem, and returns the exit status for it. That
 * nobody reads the output any more is none.
 */
export function report(name: string, problem: unknown): number {
  if (problem instanceof OutputError && problem.isUnread) return EXIT.unread;
  const message = problem instanceof Error ? problem.message : `${problem}`;
  const isUsage = problem instanceof UsageError;
  const hint = isUsage ? `; see ${name} --help` : "";
  // A library's message may be of several lines; an operator's is of one.
  const oneLine = message.replaceAll(/\s*\n\s*/g, ": ");
  logger({ name }).error(`${oneLine}${hint}`);
  return isUsage ? EXIT.usage : EXIT.failure;
}
