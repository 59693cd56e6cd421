import { JOURNAL_STREAM } from "../daemon/environment.ts";
import { logger } from "../daemon/logger.ts";
import { mayReadEnv } from "./may_read_env.ts";

/**
 * Writes one line about what went wrong to the log, at the level of an error.
 *
 * @param what What could not be done, as the start of a sentence.
 */
export function logFailure(what: string, error: unknown): void {
  const log = logger(mayReadEnv(JOURNAL_STREAM) ? {} : { journal: false });
  const line = `${what}: ${error}`.replaceAll(/\s*[\r\n]+\s*/g, " ");
  log.error(line);
}
