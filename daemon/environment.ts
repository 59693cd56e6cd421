/** The variables that tell a service how to talk back to systemd. */
export const NOTIFY_SOCKET = "NOTIFY_SOCKET";
/** How often to ping, in microseconds. */
export const WATCHDOG_USEC = "WATCHDOG_USEC";
/** Whose watchdog it is. */
export const WATCHDOG_PID = "WATCHDOG_PID";
/** The device and inode of the journal's end of stdout or stderr. */
export const JOURNAL_STREAM = "JOURNAL_STREAM";

/** Every variable of sd_notify(3) and sd_watchdog_enabled(3). */
export const NOTIFY_VARIABLES: readonly string[] = [
  NOTIFY_SOCKET,
  WATCHDOG_USEC,
  WATCHDOG_PID,
];

/** Where variables are read from, in place of the environment of the process. */
export interface ReadableEnv {
  /** Returns the value of a variable, or undefined when it is not set. */
  get(name: string): string | undefined;
}
