import { ActivationError } from "./activation_error.ts";
import {
  ACTIVATION_VARIABLES,
  type ActivationEnv,
  type ListenFd,
  parseActivation,
} from "./environment.ts";

/** Options for {@linkcode listenFds}. */
export interface ListenFdsOptions {
  /**
   * Remove the activation variables, so that children don't take them for
   * their own. They are removed also when an error is thrown.
   *
   * @default {true}
   */
  unsetEnv?: boolean;
  /**
   * Where the variables are read from, in place of the environment of the
   * process. The result is then not remembered.
   */
  env?: ActivationEnv;
  /**
   * The process that `LISTEN_PID` has to name, in place of this one. The result
   * is then not remembered.
   */
  pid?: number;
}

type Outcome =
  & { pid: number; unset?: true }
  & ({ fds: ListenFd[] } | { error: ActivationError });

/** What this process was given: it is told once, and may be asked for twice. */
let memo: Outcome | undefined;

/**
 * Returns the descriptors that the service manager passed to this process, in
 * order, from fd 3. Does no I/O and touches no descriptor.
 *
 * The first call reads the environment and remembers the outcome; later calls
 * return the same descriptors (or throw the same error), even if the variables or
 * the permission to read them are gone. A worker has a memory of its own: ask in
 * the main thread.
 *
 * - `LISTEN_PID` absent, or naming another process: `[]`. Fd 3 then belongs to
 *   the runtime: never open it.
 * - `LISTEN_FDS` absent or 0: `[]`.
 * - `LISTEN_FDNAMES` absent: every name is `"unknown"`.
 * - `LISTEN_PIDFDID` (newer systemd) is checked for its form, and not compared:
 *   that takes a pidfd, which Deno cannot open.
 *
 * Stricter than libsystemd, and never laxer but in two points: integers are plain
 * decimal (libsystemd takes `0x2`, `010`, `+2` and ` 2` as well); names are
 * printable ASCII of at most 255 characters, and a backslash in one is a
 * backslash; counts end at 2²⁰. Laxer in that `LISTEN_FDS=0` is no descriptors
 * instead of an error, and that the descriptors are not looked at: a closed one
 * shows when it is adopted.
 *
 * Children started with `Deno.Command` inherit the descriptors themselves: Deno
 * cannot set close-on-exec on them.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3)}
 *
 * @param options Whether to remove the variables, and where to read them.
 * @returns The descriptors; an empty array when the process was not activated.
 * @throws {ActivationError} A variable is malformed: not a decimal integer, a
 * count out of range, or names that are too long, not printable ASCII or not as
 * many as the descriptors.
 * @throws {Deno.errors.NotCapable} The environment may not be read.
 *
 * @example
 * ```ts
 * import { listenFds } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const variables = new Map([
 *   ["LISTEN_PID", "7"],
 *   ["LISTEN_FDS", "2"],
 *   ["LISTEN_FDNAMES", "web:control"],
 * ]);
 * const fds = listenFds({ env: variables, pid: 7 });
 *
 * assertEquals(fds, [{ fd: 3, name: "web" }, { fd: 4, name: "control" }]);
 * assertEquals(variables.size, 0);
 * ```
 */
export function listenFds(options: ListenFdsOptions = {}): ListenFd[] {
  const { env = Deno.env, pid = Deno.pid, unsetEnv = true } = options;
  const ours = env === Deno.env && pid === Deno.pid;
  const outcome = ours && memo?.pid === pid ? memo : read(env, pid);
  if (ours) memo = outcome;
  // What is remembered needs no permission any more.
  if (unsetEnv && !outcome.unset) {
    for (const name of ACTIVATION_VARIABLES) env.delete(name);
    outcome.unset = true;
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.fds.slice();
}

function read(env: ActivationEnv, pid: number): Outcome {
  try {
    return { pid, fds: parseActivation(env, pid) };
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) {
      return { pid, error: notUnicode(error) };
    }
    // A refused permission may be granted later: only what was read is kept.
    if (!(error instanceof ActivationError)) throw error;
    return { pid, error };
  }
}

/** Deno has no way to show a value that is not UTF-8. */
function notUnicode(cause: Error): ActivationError {
  return new ActivationError(
    `Cannot read the activation variables: ${cause.message}; names are printable ASCII`,
    { cause },
  );
}

/** Forgets what {@linkcode listenFds} remembers. For tests only. */
export function forgetListenFds(): void {
  memo = undefined;
}
