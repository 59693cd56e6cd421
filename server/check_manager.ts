import {
  notify,
  NotifyError,
  type ReadableEnv,
  watchdogEnabled,
} from "../mod.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { notifyProblem } from "./notify_problem.ts";

/** An assignment that systemd ignores. */
const PROBE = "X_IPC_SERVER_CHECK=1";

/** Returns findings about the notify socket and the watchdog. */
export async function checkManager(
  env: ReadableEnv,
  pid: number,
): Promise<Finding[]> {
  const socket = env.get("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") {
    return [
      note(
        "NOTIFY_SOCKET is not set: the server sends no notifications; right for Type=exec or simple, and when run by hand",
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
        }; the server would serve, but could not send READY=1: right for Type=exec and NotifyAccess=none, wrong for Type=notify`,
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
      ? "WATCHDOG_USEC is not set: systemd does not detect a hanging server; set WatchdogSec= in the service unit"
      : `WATCHDOG_PID=${watchdogPid} is another process, this is ${pid}: the server does not ping`,
  );
}
