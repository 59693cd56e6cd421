import type { ListenFd } from "./environment.ts";
import { listenFds, type ListenFdsOptions } from "./listen_fds.ts";

/**
 * Returns the descriptors that the service manager passed, by name. Names need
 * not be unique: a socket unit with two `ListenStream=` passes two descriptors
 * of one name, in the order of the lines.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds_with_names(3)}
 *
 * @param options As for {@linkcode listenFds}.
 * @returns A map from each name to its descriptors, in order; empty when the
 * process was not activated.
 * @throws {ActivationError} As {@linkcode listenFds}.
 *
 * @example
 * ```ts
 * import { listenFdsByName } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const env = new Map([
 *   ["LISTEN_PID", "7"],
 *   ["LISTEN_FDS", "2"],
 *   ["LISTEN_FDNAMES", "web.socket:web.socket"],
 * ]);
 * const fds = listenFdsByName({ env, pid: 7 });
 *
 * assertEquals(fds.get("web.socket")?.map(({ fd }) => fd), [3, 4]);
 * ```
 */
export function listenFdsByName(
  options: ListenFdsOptions = {},
): Map<string, ListenFd[]> {
  return Map.groupBy(listenFds(options), ({ name }) => name);
}
