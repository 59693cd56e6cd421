import { type Logger, logger } from "../mod.ts";
import type { EchoServer } from "./echo_server.ts";
import { LineLog } from "./line_log.ts";
import type { ServerOptions } from "./options.ts";
import { StatusReport } from "./report_status.ts";
import { throttle, type Throttled } from "./throttle.ts";

/** How often refused connections are reported at most, in milliseconds. */
const REFUSED_INTERVAL_MS = 1_000;

/** How often lost lines are reported at most, in milliseconds. */
const LOST_INTERVAL_MS = 10_000;

/**
 * What the server reports of itself, to the operator and to the service manager.
 * Nothing of it is needed for the first connection, so it is loaded after that.
 */
export class Reporting {
  readonly status: StatusReport;
  readonly #warnings: LineLog;
  readonly #lost: Throttled;
  readonly #refused: Throttled;
  #reason = "";

  constructor(
    name: string,
    server: EchoServer,
    { maxConnections, maxWaiting }: ServerOptions,
  ) {
    // The journal reads both outputs, or neither: a warning must not wait either.
    this.#warnings = new LineLog(Deno.stderr, () => {});
    const log: Logger = logger({
      name,
      sink: this.#warnings,
      journal: Deno.stderr.isTerminal() ? false : undefined,
    });
    this.status = new StatusReport(() => server.status, log);
    this.#refused = throttle(REFUSED_INTERVAL_MS, (count) => {
      const connections = count === 1 ? "connection" : "connections";
      log.warning(
        `Closed ${count} ${connections}: ${maxConnections} are served and ${maxWaiting} wait; see --max-connections and --max-waiting`,
      );
    });
    // A full disk would fill stderr too.
    this.#lost = throttle(LOST_INTERVAL_MS, (count) => {
      log.warning(`Cannot write output: ${this.#reason}; lines lost: ${count}`);
    });
  }

  /** A connection was closed because there were too many. */
  refused(): void {
    this.#refused();
  }

  /** Lines of the server's output could not be written. */
  lost(lines: number, reason: string): void {
    this.#reason = reason;
    this.#lost(lines);
  }

  /** Resolves when everything is written that the intervals held back. */
  flush(): Promise<void> {
    this.#lost.flush();
    this.#refused.flush();
    return this.#warnings.flush();
  }
}
