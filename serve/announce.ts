import { NOTIFY_SOCKET, NOTIFY_VARIABLES } from "../daemon/environment.ts";
import { notify } from "../daemon/notify.ts";
import type { NotifyState } from "../daemon/notify_state.ts";
import { watchdog, type WatchdogOptions } from "../daemon/watchdog.ts";
import { mayReadEnv } from "./may_read_env.ts";

/**
 * Tells the service manager about the service, if this program may know whether
 * anybody wants to be told.
 *
 * @throws {NotifyError} There is a notify socket, and it cannot be reached.
 */
export async function announce(state: NotifyState): Promise<void> {
  if (mayReadEnv(NOTIFY_SOCKET)) await notify(state);
}

/**
 * Pings the watchdog, if there is one and this program may know of it.
 *
 * @param options.signal Ends the pings.
 * @throws {NotifyError} A variable of the watchdog is malformed.
 */
export function pingWatchdog(
  options: Pick<WatchdogOptions, "healthy" | "signal">,
): void {
  if (NOTIFY_VARIABLES.every(mayReadEnv)) watchdog(options);
}
