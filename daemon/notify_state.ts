import { escapeControl } from "./escape_control.ts";
import { NotifyError } from "./errors.ts";

/** systemd ignores a longer message (NOTIFY_BUFFER_MAX, which is PIPE_BUF). */
const NOTIFY_BYTES_MAX = 4096;

/**
 * The state of a service. Each member is a well-known assignment of sd_notify(3).
 * Members that are undefined or false are left out.
 *
 * @example
 * ```ts
 * import type { NotifyState } from "@ipc/ipc";
 *
 * const state: NotifyState = { ready: true, status: "Serving 3 peers" };
 * ```
 */
export interface NotifyState {
  /** `READY=1`: start-up, or reloading, is finished. */
  ready?: boolean | undefined;
  /**
   * `RELOADING=1`: the service is reloading its configuration; send `ready` when it has
   * finished. `MONOTONIC_USEC=` is added for `Type=notify-reload`. Reading that clock
   * takes about 50 ms and needs `--allow-sys`.
   */
  reloading?: boolean | undefined;
  /** `STOPPING=1`: the service is stopping. */
  stopping?: boolean | undefined;
  /**
   * `STATUS=`: one line for people. Newlines become spaces, other control and bidi
   * characters are escaped as by {@linkcode escapeControl}, and the line is shortened
   * when the message is too long for systemd.
   */
  status?: string | undefined;
  /** `ERRNO=`: the failure as an errno above 0. */
  errno?: number | undefined;
  /** `BUSERROR=`: the failure as a D-Bus error name. */
  busError?: string | undefined;
  /** `VARLINKERROR=`: the failure as a Varlink error name. */
  varlinkError?: string | undefined;
  /** `EXIT_STATUS=`: the exit status of the service, 0 to 255. */
  exitStatus?: number | undefined;
  /** `MAINPID=`: the main process, when it is not this one. */
  mainPid?: number | undefined;
  /** `WATCHDOG=1` pings the watchdog; `"trigger"` triggers it at once. */
  watchdog?: boolean | "trigger" | undefined;
  /** `WATCHDOG_USEC=`: a new watchdog interval, in microseconds. */
  watchdogUsec?: number | undefined;
  /** `EXTEND_TIMEOUT_USEC=`: the time by which to extend the time-out, in microseconds. */
  extendTimeoutUsec?: number | undefined;
  /** `NOTIFYACCESS=`: the processes that may notify from now on. */
  notifyAccess?: "none" | "main" | "exec" | "all" | undefined;
}

/** Formats a member of the state; undefined leaves it out. */
type Format = (value: unknown, name: string) => string | undefined;

const flag: Format = (value) => value === true ? "1" : undefined;

const oneLine: Format = (value) =>
  escapeControl(String(value).replaceAll(/\s*[\r\n]+\s*/g, " "));

const errorName: Format = (value, name) => {
  if (typeof value !== "string" || !/^[\w.]+$/.test(value)) {
    throw refused(name, value, "is not an error name");
  }
  return value;
};

function integer(min: number, max = Number.MAX_SAFE_INTEGER): Format {
  return (value, name) => {
    if (
      !Number.isInteger(value) || Number(value) < min || Number(value) > max
    ) {
      throw refused(name, value, `is not an integer from ${min} to ${max}`);
    }
    return `${value}`;
  };
}

const watchdog: Format = (value, name) => {
  if (value === true) return "1";
  if (value === false) return undefined;
  if (value === "trigger") return value;
  throw refused(name, value, `is neither a boolean nor "trigger"`);
};

const notifyAccess: Format = (value, name) => {
  if (["none", "main", "exec", "all"].includes(String(value))) {
    return `${value}`;
  }
  throw refused(name, value, `is none of "none", "main", "exec" and "all"`);
};

/** The members in the order in which systemd-notify(1) writes them. */
const ASSIGNMENTS: Record<
  keyof NotifyState,
  [variable: string, format: Format]
> = {
  ready: ["READY", flag],
  reloading: ["RELOADING", flag],
  stopping: ["STOPPING", flag],
  status: ["STATUS", oneLine],
  errno: ["ERRNO", integer(1)],
  busError: ["BUSERROR", errorName],
  varlinkError: ["VARLINKERROR", errorName],
  exitStatus: ["EXIT_STATUS", integer(0, 255)],
  mainPid: ["MAINPID", integer(1, 2 ** 31 - 1)],
  watchdog: ["WATCHDOG", watchdog],
  watchdogUsec: ["WATCHDOG_USEC", integer(1)],
  extendTimeoutUsec: ["EXTEND_TIMEOUT_USEC", integer(1)],
  notifyAccess: ["NOTIFYACCESS", notifyAccess],
};

/**
 * Returns the state as the text of one datagram.
 *
 * @throws {NotifyError} A value is invalid.
 */
export function formatNotifyState(state: NotifyState): string {
  const lines: string[] = [];
  for (const [name, [variable, format]] of Object.entries(ASSIGNMENTS)) {
    const value = state[name as keyof NotifyState];
    const text = value === undefined ? undefined : format(value, name);
    if (text !== undefined) lines.push(`${variable}=${text}`);
  }
  const at = lines.findIndex((line) => line.startsWith("STATUS="));
  const excess = byteLength(lines.join("\n")) + RESERVE - NOTIFY_BYTES_MAX;
  if (at !== -1 && excess > 0) lines[at] = shortened(lines[at]!, excess);
  return lines.join("\n");
}

/** Room for the line that `notify` adds to RELOADING=1. */
const RESERVE = "\nMONOTONIC_USEC=18446744073709551615".length;

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Removes at least `excess` bytes, as whole characters, and appends an ellipsis. */
function shortened(line: string, excess: number): string {
  const mark = "…";
  const keep = Math.max(byteLength(line) - excess - byteLength(mark), 0);
  const { read } = encoder.encodeInto(line, new Uint8Array(keep));
  return `${line.slice(0, read)}${mark}`;
}

/**
 * Checks that systemd will not discard a message.
 *
 * @throws {NotifyError} It has a NUL byte, or is too long.
 */
export function checkMessage(message: string): void {
  if (message.includes("\0")) {
    throw new NotifyError(
      `Cannot notify ${
        JSON.stringify(message.slice(0, 64))
      }: systemd discards messages with a NUL byte; leave it out`,
      { code: "invalid" },
    );
  }
  const bytes = byteLength(message);
  if (bytes > NOTIFY_BYTES_MAX) {
    throw new NotifyError(
      `Cannot notify ${
        JSON.stringify(message.slice(0, 64))
      }…: it has ${bytes} bytes, and systemd discards more than ${NOTIFY_BYTES_MAX}; shorten it`,
      { code: "invalid" },
    );
  }
}

function refused(name: string, value: unknown, problem: string): NotifyError {
  return new NotifyError(
    `Cannot notify ${name}: ${JSON.stringify(value)} ${problem}`,
    { code: "invalid" },
  );
}
