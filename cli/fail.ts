import { logger } from "../mod.ts";
import { EXIT, UsageError } from "./exit_status.ts";
import { OutputError } from "./write_line.ts";

/**
 * Logs the error that ends a program, and returns the exit status for it. Output that was
 * closed early (SIGPIPE) is not logged.
 */
export function fail(name: string, error: unknown): number {
  if (error instanceof OutputError && error.isClosed) return EXIT.outputClosed;
  const message = error instanceof Error ? error.message : `${error}`;
  const isUsage = error instanceof UsageError;
  const hint = isUsage ? `; see ${name} --help` : "";
  // A message of a library may have several lines.
  const oneLine = message.replaceAll(/\s*\n\s*/g, ": ");
  logger({ name }).error(`${oneLine}${hint}`);
  return isUsage ? EXIT.usage : EXIT.failure;
}
