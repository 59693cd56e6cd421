import { mayReadEnv } from "../daemon/_log_failure.ts";
import { NOTIFY_SOCKET, NOTIFY_VARIABLES } from "../daemon/environment.ts";
import { notify } from "../daemon/notify.ts";
import type { NotifyState } from "../daemon/notify_state.ts";
import { watchdog, type WatchdogOptions } from "../daemon/watchdog.ts";

/**
 * Notifies the service manager, if the program may read the address of its socket.
 *
 * @throws {NotifyError} The notify socket cannot be reached.
 */
export async function announce(state: NotifyState): Promise<void> {
  if (mayReadEnv(NOTIFY_SOCKET)) await notify(state);
}

/**
 * Pings the watchdog, if the program may read its variables.
 *
 * @param options.signal Stops the pings.
 * @throws {NotifyError} A variable of the watchdog is malformed.
 */
export function pingWatchdog(
  options: Pick<WatchdogOptions, "healthy" | "signal">,
): void {
  if (NOTIFY_VARIABLES.every(mayReadEnv)) watchdog(options);
}
