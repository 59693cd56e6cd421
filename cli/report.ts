import { logger } from "../mod.ts";
import { EXIT } from "./exit_status.ts";
import { UsageError } from "./usage_error.ts";
import { OutputError } from "./write_line.ts";

/**
 * Reports a problem to the operator, and returns the exit status for it. Output that
 * was closed early (SIGPIPE) is no problem to report.
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
