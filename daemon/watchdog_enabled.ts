import { parseDecimal, parsePid } from "../activation/environment.ts";
import {
  type ReadableEnv,
  WATCHDOG_PID,
  WATCHDOG_USEC,
} from "./environment.ts";
import { NotifyError } from "./notify_error.ts";

const UINT64_MAX = 2n ** 64n - 1n;

/** Options for {@linkcode watchdogEnabled}. */
export interface WatchdogEnabledOptions {
  /** Where the variables are read, in place of the process' environment. */
  env?: ReadableEnv;
  /** The process that `WATCHDOG_PID` has to name, in place of this one. */
  pid?: number;
}

/**
 * Tells whether the service manager expects a ping from this process, and how
 * often at least.
 *
 * - `WATCHDOG_USEC` is not set: undefined.
 * - `WATCHDOG_PID` names another process: undefined.
 * - else the interval, in milliseconds. Ping every half of it:
 *   {@linkcode watchdog} does.
 *
 * Stricter than libsystemd in one point: integers are plain decimal.
 *
 * Needs `--allow-env=WATCHDOG_USEC,WATCHDOG_PID`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html | sd_watchdog_enabled(3)}
 *
 * @param options Where to read the variables.
 * @returns Milliseconds, or undefined when no ping is expected.
 * @throws {NotifyError} A variable is malformed: not a decimal integer, or 0.
 *
 * @example
 * ```ts
 * import { watchdogEnabled } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const env = new Map([["WATCHDOG_USEC", "30000000"]]);
 * assertEquals(watchdogEnabled({ env }), 30_000);
 * ```
 */
export function watchdogEnabled(
  options: WatchdogEnabledOptions = {},
): number | undefined {
  const { env = Deno.env, pid = Deno.pid } = options;
  const usec = env.get(WATCHDOG_USEC);
  if (usec === undefined) return undefined;
  const interval = parseDecimal(usec);
  if (interval === undefined || interval < 1n || interval >= UINT64_MAX) {
    throw malformed(
      WATCHDOG_USEC,
      usec,
      "is not a number of microseconds above 0",
    );
  }
  const watchdogPid = env.get(WATCHDOG_PID);
  if (watchdogPid !== undefined && checkPid(watchdogPid) !== pid) {
    return undefined;
  }
  return Number(interval) / 1000;
}

function checkPid(value: string): number {
  const pid = parsePid(value);
  if (pid === undefined) {
    throw malformed(WATCHDOG_PID, value, "is not a process id above 0");
  }
  return pid;
}

function malformed(
  variable: string,
  value: string,
  problem: string,
): NotifyError {
  return new NotifyError(
    `Cannot parse ${variable}: ${
      JSON.stringify(value)
    } ${problem}; set WatchdogSec= in the service unit, or unset ${variable}`,
    { variable },
  );
}
