/**
 * Notifying systemd: the part of `@ipc/ipc` that sends state, pings the watchdog and
 * logs.
 *
 * @example
 * ```ts
 * import { notify, watchdog } from "@ipc/ipc/daemon";
 *
 * watchdog();
 * await notify({ ready: true, status: "Serving" });
 * ```
 *
 * @module
 */

export { booted } from "./booted.ts";
export { type ChildEnv, childEnv } from "./child_env.ts";
export { credential, type CredentialOptions } from "./credential.ts";
export type { ReadableEnv } from "./environment.ts";
export {
  CredentialError,
  type CredentialErrorCode,
  JournalError,
  type JournalErrorCode,
  NotifyError,
  type NotifyErrorCode,
} from "./errors.ts";
export { escapeControl } from "./escape_control.ts";
export {
  type JournalFields,
  journalSend,
  type JournalSendOptions,
  type JournalValue,
} from "./journal_send.ts";
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
export type { NotifyState } from "./notify_state.ts";
export { onReload } from "./on_reload.ts";
export { service } from "./service.ts";
export type { JoinOptions, Member, Service } from "./service_interfaces.ts";
export {
  watchdog,
  watchdogEnabled,
  type WatchdogEnabledOptions,
  type WatchdogOptions,
} from "./watchdog.ts";
