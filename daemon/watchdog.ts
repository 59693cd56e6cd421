import { TIMER_MAX_MS } from "../activation/_timer.ts";
import { parseDecimal, parsePid } from "../activation/environment.ts";
import {
  type ReadableEnv,
  WATCHDOG_PID,
  WATCHDOG_USEC,
} from "./environment.ts";
import { NotifyError } from "./errors.ts";
import { NotifySender } from "./_notify_socket.ts";

/** Options for {@linkcode watchdog}. */
export interface WatchdogOptions extends WatchdogEnabledOptions {
  /**
   * Called before each ping. If it returns false, throws or rejects, the ping is
   * skipped. When no ping arrives for the whole interval, systemd ends the service.
   */
  healthy?: (() => boolean | Promise<boolean>) | undefined;
  /** Stops the pings. */
  signal?: AbortSignal | undefined;
  /**
   * Called with the error when a ping cannot be sent or `healthy` throws. Pings
   * continue. By default the error is ignored.
   */
  onError?: ((error: unknown) => void) | undefined;
}

/**
 * Pings the service manager's watchdog at half the interval of `WatchdogSec=`, the
 * first time at once. Does not keep the process alive.
 *
 * A process pings once in each interval, however many calls of this function and
 * members of its {@linkcode service} there are: when every one of them is healthy.
 *
 * Needs the permissions of {@linkcode watchdogEnabled} and {@linkcode notify}.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html | sd_watchdog_enabled(3)}
 *
 * @param options The health check, and a signal that ends it.
 * @returns An object that ends the check when disposed; undefined when the service
 * manager expects no pings. The pings stop with the last check.
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

  const isOwn = options.env === undefined && options.pid === undefined;
  const pinger = isOwn ? shared ??= new Pinger(intervalMs) : new Pinger(
    intervalMs,
    options.env,
  );
  const check = { healthy, onError };
  const stop = () => {
    signal?.removeEventListener("abort", stop);
    pinger.remove(check);
    if (pinger === shared && pinger.isEmpty) shared = undefined;
  };
  signal?.addEventListener("abort", stop);
  pinger.add(check);
  return { [Symbol.dispose]: stop };
}

interface HealthCheck {
  healthy: () => boolean | Promise<boolean>;
  onError: (error: unknown) => void;
}

/** Pings for all checks of a process. */
class Pinger {
  readonly #pauseMs: number;
  readonly #env: ReadableEnv;
  /** Keeps its socket: a process without free descriptors could not open another. */
  readonly #sender = new NotifySender();
  readonly #checks = new Set<HealthCheck>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isPinging = false;

  constructor(intervalMs: number, env: ReadableEnv = Deno.env) {
    this.#pauseMs = Math.min(intervalMs / 2, TIMER_MAX_MS);
    this.#env = env;
  }

  get isEmpty(): boolean {
    return this.#checks.size === 0;
  }

  add(check: HealthCheck): void {
    this.#checks.add(check);
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#ping(), this.#pauseMs);
    Deno.unrefTimer(this.#timer);
    void this.#ping();
  }

  remove(check: HealthCheck): void {
    this.#checks.delete(check);
    if (!this.isEmpty) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#closeUnused();
  }

  #closeUnused(): void {
    if (this.isEmpty && !this.#isPinging) this.#sender[Symbol.dispose]();
  }

  /** A health check or message that does not finish counts as unhealthy. */
  async #ping(): Promise<void> {
    if (this.#isPinging) return;
    this.#isPinging = true;
    const checks = [...this.#checks];
    const results = await Promise.all(checks.map(isHealthy));
    try {
      if (!results.every(Boolean) || this.isEmpty) return;
      await this.#sender.send(this.#env, "WATCHDOG=1");
    } catch (error) {
      for (const { onError } of checks) onError(error);
    } finally {
      this.#isPinging = false;
      this.#closeUnused();
    }
  }
}

async function isHealthy({ healthy, onError }: HealthCheck): Promise<boolean> {
  try {
    return await healthy();
  } catch (error) {
    onError(error);
    return false;
  }
}

/** The pinger of this process, while it has checks. */
let shared: Pinger | undefined;

/** Options for {@linkcode watchdogEnabled}. */
export interface WatchdogEnabledOptions {
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv | undefined;
  /** The process id to compare with `WATCHDOG_PID`, in place of `Deno.pid`. */
  pid?: number | undefined;
}

/** systemd's number for `infinity`. */
const INFINITY_USEC = 2n ** 64n - 1n;

/**
 * Returns the interval in which the service manager expects a ping of this process.
 *
 * - `WATCHDOG_USEC` is not set: undefined.
 * - `WATCHDOG_PID` is another process: undefined.
 * - `WATCHDOG_USEC` is 18446744073709551615 (`WatchdogSec=infinity`): undefined.
 * - Otherwise the interval, in milliseconds. Ping at half of it, as
 *   {@linkcode watchdog} does.
 *
 * Stricter than libsystemd in one point: integers are plain decimal. Laxer in one: an
 * infinite interval is no error.
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
  if (interval === undefined || interval < 1n || interval > INFINITY_USEC) {
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
  return interval === INFINITY_USEC ? undefined : Number(interval) / 1000;
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
