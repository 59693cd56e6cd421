/**
 * Socket activation and notification of systemd for Deno, in pure TypeScript.
 *
 * ## The protocol
 *
 * systemd listens on a socket, starts the service on the first connection, and
 * passes the socket as file descriptor 3. Three variables describe it: `LISTEN_PID` is
 * the process that receives the descriptors, `LISTEN_FDS` their number,
 * `LISTEN_FDNAMES` their names.
 *
 * - {@linkcode listenFds} reads the variables, and does no I/O.
 * - {@linkcode listen}, {@linkcode listeners}, {@linkcode connection} and
 *   {@linkcode listenDatagram} turn a descriptor into the objects of `Deno.listen()`,
 *   `Deno.connect()` and `Deno.listenDatagram()`.
 *
 * `NOTIFY_SOCKET` is a datagram socket that receives lines of `NAME=value` from the
 * service; `WATCHDOG_USEC` is the interval in which systemd expects a ping:
 *
 * - {@linkcode notify} sends the state of the service: ready, stopping, status;
 *   {@linkcode watchdog} sends the pings.
 * - {@linkcode onReload} reloads the configuration on SIGHUP.
 * - {@linkcode logger} writes lines with a level for the journal;
 *   {@linkcode journalSend} sends records with fields.
 * - {@linkcode credential} reads a secret that systemd passed.
 *
 * {@linkcode serve} does all of this for a web service. {@linkcode service} is the life
 * of the process that all servers share: readiness, idle exit, and the drain at a stop.
 *
 * ## Permissions
 *
 * The permissions of each call. P is the path in `NOTIFY_SOCKET`, J is
 * `/run/systemd/journal/socket`, C is the path in `CREDENTIALS_DIRECTORY`. Every call
 * that sends to P or J also needs `--unstable-net`.
 *
 * | call                                                | permissions                                                             |
 * | --------------------------------------------------- | ----------------------------------------------------------------------- |
 * | `listenFds`, `listenFdsByName`                      | `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`       |
 * | `listen`, `listeners`, `listenersByName`, `connection`, `claim` | the same: adopting takes none, nor does serving             |
 * | `listenTls`, `listenServer`                         | the same                                                                |
 * | `listenDatagram`                                    | the same; sending needs `--allow-net` for the receiver                  |
 * | `listenOr`                                          | the same; when not activated, also what `Deno.listen` needs             |
 * | `serve`, `serveConns`, `serveNode`                  | the same; see there for the fallback                                    |
 * | `service`                                           | none; as `notify`, `watchdog` and `listenFds` where granted             |
 * | `notify`, `ready`, `stopping`, `status`             | `--allow-env=NOTIFY_SOCKET --allow-net=unix:P --allow-write=P`          |
 * | the same, with an abstract notify socket            | `--allow-env=NOTIFY_SOCKET --allow-net`                                 |
 * | `notify` with `reloading`, `onReload`               | as `notify`, and `--allow-sys` (a permission set may have `"sys": ["inspector"]`) |
 * | `watchdogEnabled`                                   | `--allow-env=WATCHDOG_USEC,WATCHDOG_PID`                                |
 * | `watchdog`                                          | as `watchdogEnabled` and `notify`                                       |
 * | `booted`                                            | `--allow-read=/run/systemd/system`                                      |
 * | `logger`                                            | `--allow-env=JOURNAL_STREAM`                                            |
 * | `journalSend`                                       | `--allow-net=unix:J --allow-write=J`                                    |
 * | `credential`                                        | `--allow-env=CREDENTIALS_DIRECTORY --allow-read=C`                      |
 * | `childEnv`                                          | `--allow-env`                                                           |
 *
 * @example An echo server on every socket that systemd passed
 * ```ts
 * import { type AdoptedListener, listeners } from "@ipc/ipc";
 *
 * async function echo(listener: AdoptedListener) {
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
