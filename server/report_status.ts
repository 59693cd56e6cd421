import {
  type Logger,
  notify,
  NotifyError,
  type NotifyState,
  watchdog,
} from "../mod.ts";
import type { EchoServerStatus } from "./echo_server.ts";
import { notifyProblem } from "./notify_problem.ts";

/** How often the status is told at most, in milliseconds. */
const STATUS_INTERVAL_MS = 1_000;

/**
 * Tells the service manager how the server is: that it is ready, then what it
 * has done, at most once a second and only when that has changed, and that it is
 * alive. A service manager that cannot be told is a warning, and no more.
 */
export class StatusReport {
  readonly #read: () => EchoServerStatus;
  readonly #log: Logger;
  #told = "";
  /** A notify socket that failed once is not tried again: it was reported. */
  #failed = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #pings: Disposable | undefined;
  #stopped: Promise<unknown> | undefined;

  constructor(read: () => EchoServerStatus, log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  /** Says that the server is ready, and goes on reporting. */
  async start(): Promise<void> {
    // A signal may come first.
    if (this.#stopped !== undefined) return;
    this.#told = statusLine(this.#read());
    const wanted = await this.#tell({ ready: true, status: this.#told });
    if (!wanted) return;
    this.#pings = watchdog();
    this.#timer = setInterval(() => this.#update(), STATUS_INTERVAL_MS);
  }

  /** Says, once, that the server stops, and falls silent. */
  stop(): Promise<unknown> {
    clearInterval(this.#timer);
    return this.#stopped ??= this.#tell({
      stopping: true,
      status: statusLine(this.#read()),
    });
  }

  /** Ends the watchdog's pings as well. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#pings?.[Symbol.dispose]();
  }

  #update(): void {
    const status = statusLine(this.#read());
    if (status === this.#told) return;
    this.#told = status;
    this.#tell({ status });
  }

  /** Returns whether somebody wanted to know, and was told. */
  async #tell(state: NotifyState): Promise<boolean> {
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

/** Returns the line that `systemctl status` shows. */
export function statusLine(status: EchoServerStatus): string {
  const { open, waiting, served, bytes } = status;
  const held = waiting === 0 ? "" : `, ${waiting} waiting`;
  return `${open} open${held}, ${served} served, ${bytes} bytes received`;
}
