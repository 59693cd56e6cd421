import { type Logger, logger, type NotifyError } from "../mod.ts";
import { moreDescriptors } from "./descriptors.ts";
import { LineLog } from "./line_log.ts";
import type { IpcServerOptions } from "./options.ts";
import { notifyProblem } from "./notify_problem.ts";

/** The shortest interval between two reports of refused connections, in milliseconds. */
const REFUSED_INTERVAL_MS = 1_000;

/** The shortest interval between two reports of lacking descriptors, in milliseconds. */
const DESCRIPTORS_INTERVAL_MS = 60_000;

/** The shortest interval between two reports of lost lines, in milliseconds. */
const LOST_INTERVAL_MS = 10_000;

/**
 * Warnings for the operator. Loaded after the first connection, which does not need it.
 */
export class Reporting {
  readonly #warnings: LineLog;
  readonly #log: Logger;
  readonly #lost: Throttled;
  readonly #refused: Throttled;
  readonly #descriptors: Throttled;
  #reason = "";

  constructor(
    name: string,
    options: IpcServerOptions,
  ) {
    // Like the log, warnings must not block when the journal does not read them.
    this.#warnings = new LineLog(Deno.stderr, () => {});
    const log = this.#log = logger({
      name,
      sink: this.#warnings,
      journal: Deno.stderr.isTerminal() ? false : undefined,
    });
    const { maxConnections, maxWaiting } = options;
    this.#descriptors = throttle(DESCRIPTORS_INTERVAL_MS, () => {
      log.warning(
        `No file descriptor is free: new connections wait, and the status is not updated; ${
          moreDescriptors(options)
        }`,
      );
    });
    this.#refused = throttle(REFUSED_INTERVAL_MS, (count) => {
      const connections = count === 1 ? "connection" : "connections";
      log.warning(
        `Closed ${count} ${connections}: ${maxConnections} are served and ${maxWaiting} wait; see --max-connections and --max-waiting`,
      );
    });
    // Reported seldom: on a full disk, stderr fails too.
    this.#lost = throttle(LOST_INTERVAL_MS, (count) => {
      log.warning(`Cannot write output: ${this.#reason}; lines lost: ${count}`);
    });
  }

  /** Reports a connection that was closed above the limits. */
  refused(): void {
    this.#refused();
  }

  /** Reports that the process has no free descriptor. */
  lackOfDescriptors(): void {
    this.#descriptors();
  }

  /** Reports lines that could not be written. */
  lost(lines: number, reason: string): void {
    this.#reason = reason;
    this.#lost(lines);
  }

  /** Reports that the service manager cannot be notified. */
  notifyFailed(error: NotifyError): void {
    const socket = Deno.env.get("NOTIFY_SOCKET") ?? "";
    this.#log.warning(notifyProblem(error, socket));
  }

  /** Reports and writes everything that is throttled. */
  flush(): Promise<void> {
    this.#lost.flush();
    this.#refused.flush();
    return this.#warnings.flush();
  }
}

/** A function that adds to a count, which is reported in intervals. */
export interface Throttled {
  /** Adds to the count. Reports the first at once, later ones once in an interval. */
  (count?: number): void;
  /** Reports the pending count now. */
  flush(): void;
}

/**
 * Returns a function that adds to a count and reports it at most once in an interval.
 *
 * @param intervalMs The interval, in milliseconds.
 * @param report Called with the count since the last report.
 */
export function throttle(
  intervalMs: number,
  report: (count: number) => void,
): Throttled {
  let count = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (count === 0) return;
    report(count);
    count = 0;
    timer = setTimeout(flush, intervalMs);
  };
  const add = (more = 1) => {
    count += more;
    if (timer === undefined) flush();
  };
  return Object.assign(add, { flush });
}
