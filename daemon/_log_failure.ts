import { JOURNAL_STREAM } from "./environment.ts";
import { logger } from "./logger.ts";

/**
 * Logs an error as one line, also without the permission to detect the journal.
 *
 * @param problem The failed action, as the start of a sentence.
 */
export function logFailure(problem: string, error: unknown): void {
  const log = logger(mayReadEnv(JOURNAL_STREAM) ? {} : { journal: false });
  log.error(`${problem}: ${error}`.replaceAll(/\s*[\r\n]+\s*/g, " "));
}

/** Whether the program may read a variable. */
export function mayReadEnv(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}
