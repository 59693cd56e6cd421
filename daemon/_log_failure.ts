import { mayReadEnv } from "../activation/environment.ts";
import { JOURNAL_STREAM } from "./environment.ts";
import { logger } from "./logger.ts";

/**
 * Logs a failure as one line, also without the permission to detect the journal.
 *
 * @param problem The failed action, as the start of a sentence.
 * @param error Its error, if any.
 * @param level By default an error; a warning when the service loses nothing by it.
 */
export function logFailure(
  problem: string,
  error?: unknown,
  level: "error" | "warning" = "error",
): void {
  const log = logger(mayReadEnv(JOURNAL_STREAM) ? {} : { journal: false });
  const line = error === undefined ? problem : `${problem}: ${error}`;
  log[level](line.replaceAll(/\s*[\r\n]+\s*/g, " "));
}
