/**
 * Taking the sockets that systemd passed: the part of `@ipc/ipc` that reads the
 * environment and adopts descriptors.
 *
 * @example
 * ```ts
 * import { listenFds } from "@ipc/ipc/activation";
 *
 * for (const { fd, name } of listenFds()) console.log(fd, name);
 * ```
 *
 * @module
 */

export {
  ActivationError,
  type ActivationErrorOptions,
} from "./activation_error.ts";
export type { ChunkConn } from "./adopted_conn.ts";
export { claim, type Claimed, type ClaimKinds } from "./claim.ts";
export { connection, type InheritedConn } from "./connection.ts";
export type { ActivationEnv, ListenFd } from "./environment.ts";
export {
  type InheritedListener,
  listen,
  type ListenOptions,
} from "./listen.ts";
export { listenFds, type ListenFdsOptions } from "./listen_fds.ts";
export { listenFdsByName } from "./listen_fds_by_name.ts";
export { listenOr, type ListenOrOptions } from "./listen_or.ts";
export {
  type InheritedTlsListener,
  listenTls,
  type ListenTlsOptions,
} from "./listen_tls.ts";
export { listeners, listenersByName } from "./listeners.ts";
