import { ActivationError } from "../activation/errors.ts";
import {
  listenFds,
  mayReadEnv,
  parseDecimal,
} from "../activation/environment.ts";
import { logFailure } from "./_log_failure.ts";
import { notify } from "./notify.ts";
import { ServiceLife, type Surroundings } from "./_service_life.ts";
import { watchdog } from "./watchdog.ts";
import {
  IDLE_TIMEOUT,
  NOTIFY_SOCKET,
  NOTIFY_VARIABLES,
} from "./environment.ts";
import type { Service } from "./service_interfaces.ts";

let life: ServiceLife | undefined;

/**
 * Returns the service that this process is. {@linkcode serve}, {@linkcode serveConns}
 * and {@linkcode serveNode} join it by themselves; a program with other work joins it
 * with a member of its own.
 *
 * - From the first member to the last, SIGTERM and SIGINT stop the service.
 * - `READY=1` is sent once: when no start is pending. From then on the watchdog is
 *   pinged, as long as every member is healthy.
 * - When every member has been idle for its `idleTimeoutMs`, the service stops, and the
 *   next client starts it again. With `--allow-env=IPC_IDLE_TIMEOUT_MS`, the value of
 *   that variable replaces theirs: units decide.
 * - A stop sends `STOPPING=1`, aborts `stopping`, and waits for the work of each member,
 *   at most for its `drainTimeoutMs`. Then the process has one second to exit by itself,
 *   and is ended by `process.exit()`. Work after `finished` needs a
 *   {@linkcode Service.hold}: otherwise it is lost. No work continues for longer than the
 *   longest `drainTimeoutMs` after the stop began.
 * - A second SIGTERM changes nothing. A SIGINT later than one second after the stop
 *   began ends the wait: a person has pressed Ctrl-C twice.
 *
 * A failed notification is logged, and is the last one.
 *
 * With `--allow-env=NOTIFY_SOCKET` it notifies the service manager, which needs the
 * permissions of {@linkcode notify}; with `--allow-env=WATCHDOG_USEC,WATCHDOG_PID` also
 * it pings the watchdog. An idle exit needs the permissions of {@linkcode listenFds}.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/daemon.html | daemon(7), New-Style Daemons}
 *
 * @returns The same service in each call.
 *
 * @example A worker that finishes its job before it stops
 * ```ts
 * import { service } from "@ipc/ipc";
 *
 * const queue = ["first", "second"];
 * const member = service().join({ drainTimeoutMs: 5_000 });
 * for (const job of queue) {
 *   if (member.stopping.aborted) break;
 *   using _ = member.hold();
 *   console.log(job);
 * }
 * await member.stop();
 * ```
 */
export function service(): Service {
  return life ??= new ServiceLife(surroundings);
}

const surroundings: Surroundings = {
  isActivated() {
    try {
      return listenFds().length > 0;
    } catch (error) {
      const isExpected = error instanceof ActivationError ||
        error instanceof Deno.errors.NotCapable;
      if (!isExpected) throw error;
      return false;
    }
  },
  idleTimeoutMs() {
    const value = mayReadEnv(IDLE_TIMEOUT)
      ? Deno.env.get(IDLE_TIMEOUT)
      : undefined;
    if (value === undefined) return undefined;
    const ms = parseDecimal(value);
    if (ms !== undefined) return Number(ms);
    const quoted = JSON.stringify(value);
    surroundings.log(
      `Cannot use ${IDLE_TIMEOUT}: ${quoted} is not a number of milliseconds; correct Environment= of the service unit`,
    );
    return undefined;
  },
  async notify(state) {
    if (!mayReadEnv(NOTIFY_SOCKET) || !Deno.env.get(NOTIFY_SOCKET)) {
      return false;
    }
    return await notify(state);
  },
  watch(healthy) {
    if (!NOTIFY_VARIABLES.every(mayReadEnv)) return undefined;
    const onError = (error: unknown) =>
      surroundings.log("Cannot ping the watchdog", error);
    try {
      return watchdog({ healthy, onError });
    } catch (error) {
      onError(error);
      return undefined;
    }
  },
  addSignalListener: Deno.addSignalListener,
  removeSignalListener: Deno.removeSignalListener,
  log(problem, error) {
    logFailure(problem, error, "warning");
  },
  async exit() {
    // Deno.exit() would skip the "exit" listeners of the process.
    const { default: process } = await import("node:process");
    process.exit();
  },
};
