/**
 * Talking back to systemd: the part of `@ipc/ipc` that notifies, pings the
 * watchdog and logs.
 *
 * @example
 * ```ts
 * import { notify, watchdog } from "@ipc/ipc/daemon";
 *
 * watchdog();
 * await notify({ ready: true, status: "At work" });
 * ```
 *
 * @module
 */

export { booted } from "./booted.ts";
export { type ChildEnv, childEnv } from "./child_env.ts";
export type { ReadableEnv } from "./environment.ts";
export { escapeControl } from "./escape_control.ts";
export {
  type Logger,
  logger,
  type LoggerOptions,
  type LogLevel,
} from "./logger.ts";
export {
  notify,
  type NotifyOptions,
  ready,
  status,
  stopping,
} from "./notify.ts";
export { NotifyError, type NotifyErrorOptions } from "./notify_error.ts";
export type { NotifyState } from "./notify_state.ts";
export { watchdog, type WatchdogOptions } from "./watchdog.ts";
export {
  watchdogEnabled,
  type WatchdogEnabledOptions,
} from "./watchdog_enabled.ts";
