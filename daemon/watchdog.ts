import { parseDecimal, parsePid } from "../activation/environment.ts";
import {
  type ReadableEnv,
  WATCHDOG_PID,
  WATCHDOG_USEC,
} from "./environment.ts";
import { NotifyError } from "./errors.ts";
import { notify, type NotifyOptions } from "./notify.ts";

/** Options for {@linkcode watchdog}. */
export interface WatchdogOptions extends NotifyOptions, WatchdogEnabledOptions {
  /**
   * Called before each ping. If it returns false, throws or rejects, the ping is
   * skipped. When no ping arrives for the whole interval, systemd ends the service.
   */
  healthy?: () => boolean | Promise<boolean>;
  /** Stops the pings. */
  signal?: AbortSignal;
  /**
   * Called with the error when a ping cannot be sent or `healthy` throws. Pings
   * continue. By default the error is ignored.
   */
  onError?: (error: unknown) => void;
}

/** The longest delay of a timer, in milliseconds. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Pings the service manager's watchdog at half the interval of `WatchdogSec=`, the
 * first time at once. Does not keep the process alive.
 *
 * A ping is skipped when `healthy` returns false, or when the event loop was blocked
 * for more than the whole interval.
 *
 * Needs the permissions of {@linkcode watchdogEnabled} and {@linkcode notify}.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html | sd_watchdog_enabled(3)}
 *
 * @param options The health check, and a signal that stops the pings.
 * @returns An object that stops the pings when disposed; undefined when the service
 * manager expects none.
 * @throws {NotifyError} As {@linkcode watchdogEnabled}.
 *
 * @example
 * ```ts
 * import { watchdog } from "@ipc/ipc";
 *
 * // Without `using`: at the top of a module, it would stop the pings at the module's end.
 * watchdog({ healthy: () => true });
 * ```
 */
export function watchdog(
  options: WatchdogOptions = {},
): Disposable | undefined {
  const { healthy = () => true, signal, onError = () => {} } = options;
  const intervalMs = watchdogEnabled(options);
  if (intervalMs === undefined || signal?.aborted) return undefined;

  const pauseMs = Math.min(intervalMs / 2, TIMER_MAX_MS);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let pinging = false;

  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
  const schedule = () => {
    if (stopped) return;
    const due = performance.now() + pauseMs;
    timer = setTimeout(() => void ping(performance.now() - due), pauseMs);
    timer.unref();
  };
  const ping = async (lateMs: number) => {
    schedule();
    // A health check or message that does not finish counts as unhealthy.
    if (pinging) return;
    pinging = true;
    try {
      if (lateMs > intervalMs || !await healthy() || stopped) return;
      await notify({ watchdog: true }, options);
    } catch (error) {
      onError(error);
    } finally {
      pinging = false;
    }
  };

  signal?.addEventListener("abort", stop);
  void ping(0);
  return { [Symbol.dispose]: stop };
}

/** Options for {@linkcode watchdogEnabled}. */
export interface WatchdogEnabledOptions {
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv;
  /** The process id to compare with `WATCHDOG_PID`, in place of `Deno.pid`. */
  pid?: number;
}

const UINT64_MAX = 2n ** 64n - 1n;

/**
 * Returns the interval in which the service manager expects a ping of this process.
 *
 * - `WATCHDOG_USEC` is not set: undefined.
 * - `WATCHDOG_PID` is another process: undefined.
 * - Otherwise the interval, in milliseconds. Ping at half of it, as
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
  if (watchdogPid !== undefined) {
    const expected = parsePid(watchdogPid);
    if (expected === undefined) {
      throw malformed(
        WATCHDOG_PID,
        watchdogPid,
        "is not a process id above 0",
      );
    }
    if (expected !== pid) return undefined;
  }
  return Number(interval) / 1000;
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
    { code: "malformed", variable },
  );
}
