import { notify, type NotifyOptions } from "./notify.ts";
import {
  watchdogEnabled,
  type WatchdogEnabledOptions,
} from "./watchdog_enabled.ts";

/** Options for {@linkcode watchdog}. */
export interface WatchdogOptions extends NotifyOptions, WatchdogEnabledOptions {
  /**
   * Asked before each ping. When it says false, throws or rejects, there is no
   * ping: systemd ends the service if that lasts.
   */
  healthy?: () => boolean | Promise<boolean>;
  /** Stops the pings. */
  signal?: AbortSignal;
  /**
   * Told when a ping could not be sent, or `healthy` threw. The pings go on.
   * By default nothing is done: the missing ping speaks for itself.
   */
  onError?: (error: unknown) => void;
}

/** Timers take no more: 2³¹−1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Pings the service manager's watchdog at half the interval that it asks for,
 * the first time at once. Does not keep the process alive.
 *
 * A ping is skipped when the event loop was late by more than the whole
 * interval, or when `healthy` says no: a program that hangs does not look well.
 *
 * Needs what {@linkcode watchdogEnabled} and {@linkcode notify} need.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html | sd_watchdog_enabled(3)}
 *
 * @param options The health check, and how to stop.
 * @returns What stops the pings when disposed, or undefined when no pings are
 * expected.
 * @throws {NotifyError} As {@linkcode watchdogEnabled}.
 *
 * @example
 * ```ts
 * import { watchdog } from "@ipc/ipc";
 *
 * // No `using` at the top of a module: it would end the pings with the module's code.
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
    // A check or a message that does not come to an end is no sign of health.
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
