import { NOTIFY_SOCKET, type ReadableEnv } from "./environment.ts";
import { NotifySender } from "./_notify_socket.ts";
import {
  checkMessage,
  formatNotifyState,
  type NotifyState,
} from "./notify_state.ts";

/** Options for {@linkcode notify} and its short forms. */
export interface NotifyOptions {
  /** The environment to read, in place of `Deno.env`. */
  env?: ReadableEnv | undefined;
}

/**
 * Notifies the service manager of the state of this service, in one datagram.
 *
 * - `NOTIFY_SOCKET` is not set: returns false.
 * - The state is empty: sends nothing and returns false.
 * - The message was sent: returns true. It is queued, not yet processed.
 *
 * A string is sent unchanged: one `NAME=value` on each line, for assignments that
 * {@linkcode NotifyState} lacks. Deno cannot pass descriptors (`FDSTORE=1`,
 * `BARRIER=1`).
 *
 * Needs `--unstable-net`, `--allow-env=NOTIFY_SOCKET` and, for a socket with the path
 * P, `--allow-net=unix:P --allow-write=P`; for an abstract one `--allow-net`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html | sd_notify(3)}
 *
 * @param state The state, or the text of the message.
 * @param options The environment to read.
 * @returns Whether a message was sent.
 * @throws {NotifyError} The notify socket cannot be reached, or stays full for five
 * seconds; or systemd would discard the message: a value is invalid, or the message
 * has a NUL byte or more than 4096 bytes.
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
  // An invalid state is an error also without a notify socket.
  const message = typeof state === "string" ? state : formatNotifyState(state);
  checkMessage(message);
  if (message === "" || !env.get(NOTIFY_SOCKET)) return false;
  const isReloading = /^RELOADING=1$/m.test(message) &&
    !/^MONOTONIC_USEC=/m.test(message);
  using sender = new NotifySender();
  return await sender.send(
    env,
    isReloading
      ? `${message}\nMONOTONIC_USEC=${await monotonicUsec()}`
      : message,
  );
}

/**
 * Sends `READY=1`: start-up, or reloading, is finished.
 *
 * @param options As for {@linkcode notify}.
 * @returns Whether a message was sent.
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
 * Sends `STOPPING=1`: the service is stopping.
 *
 * @param options As for {@linkcode notify}.
 * @returns Whether a message was sent.
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
 * Sends `STATUS=`: one line that `systemctl status` shows.
 *
 * @param text The line, escaped and shortened as {@linkcode NotifyState.status}.
 * @param options As for {@linkcode notify}.
 * @returns Whether a message was sent.
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

/**
 * Returns CLOCK_MONOTONIC in microseconds. `performance.now()` and `process.hrtime()`
 * count from the start of the process instead. V8 records the start of a CPU profile by
 * CLOCK_MONOTONIC: this function makes an empty profile, in about 50 ms.
 *
 * Needs `--allow-sys`; Deno 2.9.6 refuses `--allow-sys=inspector`.
 */
async function monotonicUsec(): Promise<number> {
  const { Session } = await import("node:inspector/promises");
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    const { profile } = await session.post("Profiler.stop");
    return profile.startTime;
  } finally {
    session.disconnect();
  }
}
