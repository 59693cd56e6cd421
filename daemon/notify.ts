import { NOTIFY_SOCKET, type ReadableEnv } from "./environment.ts";
import { monotonicUsec } from "./monotonic_clock.ts";
import { sendToNotifySocket } from "./notify_socket.ts";
import {
  checkMessage,
  formatNotifyState,
  type NotifyState,
} from "./notify_state.ts";

/** Options for {@linkcode notify} and its short forms. */
export interface NotifyOptions {
  /** Where `NOTIFY_SOCKET` is read, in place of the process' environment. */
  env?: ReadableEnv;
}

/**
 * Tells the service manager about the state of this service, all of it in one
 * datagram.
 *
 * - `NOTIFY_SOCKET` is not set: nobody wants to know; returns false.
 * - The state says nothing: nothing is sent; returns false.
 * - The message was sent: returns true. It is queued then, not processed.
 *
 * A string is sent as it is: one `NAME=value` a line, for assignments that
 * {@linkcode NotifyState} does not have. Passing descriptors (`FDSTORE=1`,
 * `BARRIER=1`) is beyond Deno.
 *
 * Needs `--unstable-net`, `--allow-env=NOTIFY_SOCKET` and, for the path of the
 * socket P, `--allow-net=unix:P --allow-write=P`; `--allow-net` for an abstract
 * one.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html | sd_notify(3)}
 *
 * @param state What to tell.
 * @param options Where to read the environment.
 * @returns Whether there was somebody to tell.
 * @throws {NotifyError} There is a notify socket, and it cannot be reached, or
 * takes nothing for five seconds; or systemd would discard the message: a value has
 * no place in one, there is a NUL byte, or it has more than 4096 bytes.
 *
 * @example
 * ```ts
 * import { notify } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const env = new Map<string, string>();
 * assertEquals(await notify({ ready: true }, { env }), false);
 * ```
 */
export async function notify(
  state: NotifyState | string,
  options: NotifyOptions = {},
): Promise<boolean> {
  const { env = Deno.env } = options;
  // A state that cannot be told is a mistake, also where nobody listens.
  const message = typeof state === "string" ? state : formatNotifyState(state);
  checkMessage(message);
  const socket = env.get(NOTIFY_SOCKET);
  if (socket === undefined || socket === "" || message === "") return false;
  const isReloading = /^RELOADING=1$/m.test(message) &&
    !/^MONOTONIC_USEC=/m.test(message);
  await sendToNotifySocket(
    socket,
    isReloading
      ? `${message}\nMONOTONIC_USEC=${await monotonicUsec()}`
      : message,
  );
  return true;
}

/**
 * Says `READY=1`: start-up, or reloading, is finished.
 *
 * @param options As for {@linkcode notify}.
 * @returns Whether there was somebody to tell.
 * @throws {NotifyError} As {@linkcode notify}.
 *
 * @example
 * ```ts
 * import { ready } from "@ipc/ipc";
 *
 * await ready();
 * ```
 */
export function ready(options?: NotifyOptions): Promise<boolean> {
  return notify({ ready: true }, options);
}

/**
 * Says `STOPPING=1`: the service is on its way out.
 *
 * @param options As for {@linkcode notify}.
 * @returns Whether there was somebody to tell.
 * @throws {NotifyError} As {@linkcode notify}.
 *
 * @example
 * ```ts
 * import { stopping } from "@ipc/ipc";
 *
 * await stopping();
 * ```
 */
export function stopping(options?: NotifyOptions): Promise<boolean> {
  return notify({ stopping: true }, options);
}

/**
 * Says `STATUS=`: one line that `systemctl status` shows to people.
 *
 * @param text The line, which is cleaned and shortened as
 * {@linkcode NotifyState.status} says.
 * @param options As for {@linkcode notify}.
 * @returns Whether there was somebody to tell.
 * @throws {NotifyError} As {@linkcode notify}.
 *
 * @example
 * ```ts
 * import { status } from "@ipc/ipc";
 *
 * await status("Serving 3 peers");
 * ```
 */
export function status(
  text: string,
  options?: NotifyOptions,
): Promise<boolean> {
  return notify({ status: text }, options);
}
