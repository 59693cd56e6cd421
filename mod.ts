/**
 * Socket activation for Deno, and talking back to systemd, in pure TypeScript.
 *
 * ## The protocol
 *
 * systemd listens on a socket, starts the service on the first connection, and
 * passes the socket as file descriptor 3. Three variables tell about it:
 * `LISTEN_PID` whom the descriptors are for, `LISTEN_FDS` how many they are,
 * `LISTEN_FDNAMES` what they are called. The service takes them:
 *
 * - {@linkcode listenFds} reads the variables, and does no I/O.
 * - {@linkcode listen}, {@linkcode listeners} and {@linkcode connection} turn a
 *   descriptor into what `Deno.listen()` and `Deno.connect()` return.
 *
 * `NOTIFY_SOCKET` names a datagram socket on which the service talks back, in
 * lines of `NAME=value`; `WATCHDOG_USEC` says how often it has to:
 *
 * - {@linkcode notify} tells systemd that the service is ready, stopping, or how
 *   it is doing; {@linkcode watchdog} tells that it is alive.
 * - {@linkcode logger} writes lines that the journal knows the level of.
 *
 * {@linkcode serve} does all of this for a web service.
 *
 * ## Permissions
 *
 * What each call needs, and nothing more; P is the path in `NOTIFY_SOCKET`.
 * Whatever sends a notification also needs `--unstable-net`.
 *
 * | call                                                | permissions                                                             |
 * | --------------------------------------------------- | ----------------------------------------------------------------------- |
 * | `listenFds`, `listenFdsByName`                      | `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`       |
 * | `listen`, `listeners`, `connection`, `claim`        | the same: adopting takes none, nor does serving                         |
 * | `listenTls`                                         | the same                                                                |
 * | `listenOr`                                          | the same; when not activated, also what `Deno.listen` needs             |
 * | `serve`                                             | the same; see there for the fallback                                    |
 * | `notify`, `ready`, `stopping`, `status`             | `--allow-env=NOTIFY_SOCKET --allow-net=unix:P --allow-write=P`          |
 * | the same, with an abstract notify socket            | `--allow-env=NOTIFY_SOCKET --allow-net`                                 |
 * | `notify` with `reloading`                           | as `notify`, and `--allow-sys` (a permission set may have `"sys": ["inspector"]`) |
 * | `watchdogEnabled`                                   | `--allow-env=WATCHDOG_USEC,WATCHDOG_PID`                                |
 * | `watchdog`                                          | as `watchdogEnabled` and `notify`                                       |
 * | `booted`                                            | `--allow-read=/run/systemd/system`                                      |
 * | `logger`                                            | `--allow-env=JOURNAL_STREAM`                                            |
 * | `childEnv`                                          | `--allow-env`                                                           |
 *
 * @example An echo server on every socket that systemd passed
 * ```ts
 * import { type InheritedListener, listeners } from "@ipc/ipc";
 *
 * async function echo(listener: InheritedListener) {
 *   for await (const conn of listener) {
 *     conn.readable.pipeTo(conn.writable).catch(() => {});
 *   }
 * }
 *
 * for (const listener of await listeners()) echo(listener);
 * ```
 *
 * @module
 */

export * from "./activation/mod.ts";
export * from "./daemon/mod.ts";
export * from "./serve/mod.ts";
