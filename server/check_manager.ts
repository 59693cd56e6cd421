import {
  notify,
  NotifyError,
  type ReadableEnv,
  watchdogEnabled,
} from "../mod.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { notifyProblem } from "./notify_problem.ts";

/** An assignment that means something to nobody: only its arrival counts. */
const PROBE = "X_IPC_SERVER_CHECK=1";

/** Tells whether the server can talk back to the service manager. */
export async function checkManager(
  env: ReadableEnv,
  pid: number,
): Promise<Finding[]> {
  const socket = env.get("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") {
    return [
      note(
        "NOTIFY_SOCKET is not set: the server reports to nobody; right for Type=exec or simple, and for a try by hand",
      ),
    ];
  }
  try {
    await notify(PROBE, { env });
  } catch (error) {
    if (!(error instanceof NotifyError)) throw error;
    return [
      note(
        `${
          notifyProblem(error, socket)
        }; the server would serve, but could not say that it is ready: right for Type=exec and NotifyAccess=none, wrong for Type=notify`,
      ),
    ];
  }
  return [
    ok(`NOTIFY_SOCKET=${socket} takes messages`),
    checkWatchdog(env, pid),
  ];
}

function checkWatchdog(env: ReadableEnv, pid: number): Finding {
  try {
    const interval = watchdogEnabled({ env, pid });
    if (interval !== undefined) {
      return ok(
        `WATCHDOG_USEC is set: the server pings within every ${
          interval / 1000
        } s`,
      );
    }
  } catch (error) {
    if (!(error instanceof NotifyError)) throw error;
    return wrong(error.message);
  }
  const watchdogPid = env.get("WATCHDOG_PID");
  return note(
    env.get("WATCHDOG_USEC") === undefined
      ? "WATCHDOG_USEC is not set: nobody notices if the server hangs; WatchdogSec= in the service unit would"
      : `WATCHDOG_PID=${watchdogPid} names another process, this is ${pid}: the server does not ping`,
  );
}
