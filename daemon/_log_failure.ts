import { hostAndPort } from "../activation/_address.ts";
import { mayReadEnv } from "../activation/environment.ts";
import { JOURNAL_STREAM } from "./environment.ts";
import { type Logger, logger } from "./logger.ts";

/**
 * Logs a failure as one line, also without the permission to detect the journal.
 *
 * @param problem The failed action, as the start of a sentence.
 * @param error Its error, if any.
 * @param level A warning if the service can continue without a loss.
 */
export function logFailure(
  problem: string,
  error?: unknown,
  level: "error" | "warning" = "error",
): void {
  const line = error === undefined ? problem : `${problem}: ${error}`;
  ownLogger()[level](line.replaceAll(/\s*[\r\n]+\s*/g, " "));
}

/** Logs the address of a fallback. */
export function logAddress(addr: Deno.NetAddr | Deno.UnixAddr): void {
  const where = "path" in addr
    ? addr.path
    : hostAndPort(addr.hostname, addr.port);
  ownLogger().info(`Listening on ${where}`);
}

/** Returns a logger that needs no permission. */
function ownLogger(): Logger {
  return logger(mayReadEnv(JOURNAL_STREAM) ? {} : { journal: false });
}
