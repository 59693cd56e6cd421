/** The address of the notify socket. */
export const NOTIFY_SOCKET = "NOTIFY_SOCKET";
/** The watchdog interval, in microseconds. */
export const WATCHDOG_USEC = "WATCHDOG_USEC";
/** The process id that must ping the watchdog. */
export const WATCHDOG_PID = "WATCHDOG_PID";
/** The time without work after which a service exits, in milliseconds. */
export const IDLE_TIMEOUT = "IPC_IDLE_TIMEOUT_MS";
/** The device and inode of the journal's end of stdout or stderr. */
export const JOURNAL_STREAM = "JOURNAL_STREAM";

/** Every variable of sd_notify(3) and sd_watchdog_enabled(3). */
export const NOTIFY_VARIABLES: readonly string[] = [
  NOTIFY_SOCKET,
  WATCHDOG_USEC,
  WATCHDOG_PID,
];

/** An environment to read variables from. */
export interface ReadableEnv {
  /** Returns the value of a variable, or undefined when it is not set. */
  get(name: string): string | undefined;
}
