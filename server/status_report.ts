import {
  type Logger,
  notify,
  NotifyError,
  type NotifyState,
  watchdog,
} from "../mod.ts";
import type { EchoServerStatus } from "./echo_server.ts";

/** The shortest interval between two statuses, in milliseconds. */
const STATUS_INTERVAL_MS = 1_000;

/**
 * Notifies the service manager: READY=1, then the status when it has changed, at most
 * once a second, and watchdog pings. A failure is only a warning.
 */
export class StatusReport {
  readonly #read: () => EchoServerStatus;
  readonly #log: Logger;
  #sent = "";
  /** Whether READY=1 failed: the failure is reported once, without retry. */
  #failed = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #pings: Disposable | undefined;
  #stopped: Promise<unknown> | undefined;

  constructor(read: () => EchoServerStatus, log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  /** Sends READY=1 and starts the status and the pings. */
  async start(): Promise<void> {
    // A signal may stop the server first.
    if (this.#stopped !== undefined) return;
    this.#sent = statusLine(this.#read());
    const isNotified = await this.#notify({ ready: true, status: this.#sent });
    if (!isNotified) return;
    this.#pings = watchdog();
    this.#timer = setInterval(() => this.#update(), STATUS_INTERVAL_MS);
  }

  /** Sends STOPPING=1 once, and stops the status. */
  stop(): Promise<unknown> {
    clearInterval(this.#timer);
    return this.#stopped ??= this.#notify({
      stopping: true,
      status: statusLine(this.#read()),
    });
  }

  /** Stops the status and the pings. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#pings?.[Symbol.dispose]();
  }

  #update(): void {
    const status = statusLine(this.#read());
    if (status === this.#sent) return;
    this.#sent = status;
    this.#notify({ status });
  }

  /** Returns whether a message was sent. */
  async #notify(state: NotifyState): Promise<boolean> {
    if (this.#failed) return false;
    try {
      return await notify(state);
    } catch (error) {
      if (!(error instanceof NotifyError)) throw error;
      this.#failed = state.ready === true;
      const socket = Deno.env.get("NOTIFY_SOCKET") ?? "";
      this.#log.warning(notifyProblem(error, socket));
      return false;
    }
  }
}

/** Returns the status line for `systemctl status`. */
export function statusLine(status: EchoServerStatus): string {
  const { open, waiting, served, bytes } = status;
  const held = waiting === 0 ? "" : `, ${waiting} waiting`;
  return `${open} open${held}, ${served} served, ${bytes} bytes received`;
}

/**
 * Returns the message of a failed notification. That of a missing permission names the
 * supported socket instead of the permission.
 */
export function notifyProblem(error: NotifyError, socket: string): string {
  return error.cause instanceof Deno.errors.NotCapable
    ? `NOTIFY_SOCKET=${socket} cannot be used: the executable may only send to /run/systemd/notify`
    : error.message;
}
