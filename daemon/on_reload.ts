import { logFailure } from "./_log_failure.ts";
import { notify, type NotifyOptions } from "./notify.ts";
import { service } from "./service.ts";

/**
 * Reloads the configuration on SIGHUP (`Type=notify-reload`, or `Type=notify` with
 * `ExecReload=kill -HUP $MAINPID`): sends `RELOADING=1` with `MONOTONIC_USEC=`, calls
 * the handler, and sends `READY=1`.
 *
 * When the handler throws, or a message cannot be sent, the error is logged: systemd
 * has no message for a failed reload. A SIGHUP during a reload starts one more after it,
 * however many signals there are. While the service stops, SIGHUP is ignored; the stop
 * waits for a reload in progress.
 *
 * Needs the permissions of {@linkcode notify} with `reloading`. With
 * `--allow-env=JOURNAL_STREAM` it logs levels to the journal.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Type= | systemd.service(5), Type=notify-reload}
 *
 * @param handler Reloads the configuration.
 * @param options As for {@linkcode notify}.
 * @returns Dispose of it to stop handling SIGHUP, which then ends the process.
 *
 * @example
 * ```ts
 * import { onReload } from "@ipc/ipc";
 *
 * let config = { greeting: "hello" };
 * using _reloading = onReload(async () => {
 *   config = JSON.parse(await Deno.readTextFile("/etc/web.json"));
 * });
 * console.log(config.greeting);
 * ```
 */
export function onReload(
  handler: () => void | Promise<void>,
  options: NotifyOptions = {},
): Disposable {
  let isReloading = false;
  let isRequested = false;
  const { stopping } = service();
  const reload = async () => {
    isRequested = true;
    if (isReloading) return;
    isReloading = true;
    using _ = service().hold();
    while (isRequested && !stopping.aborted) {
      isRequested = false;
      await logged(
        "notify that the service reloads",
        () => notify({ reloading: true }, options),
      );
      await logged("reload", handler);
      if (stopping.aborted) break;
      await logged(
        "notify that the service has reloaded",
        () => notify({ ready: true }, options),
      );
    }
    isReloading = false;
  };
  Deno.addSignalListener("SIGHUP", reload);
  return {
    [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reload),
  };
}

async function logged(
  action: string,
  perform: () => unknown,
): Promise<void> {
  try {
    await perform();
  } catch (error) {
    logFailure(`Cannot ${action}`, error);
  }
}
