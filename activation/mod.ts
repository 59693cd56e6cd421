/**
 * Socket activation: the part of `@ipc/ipc` that reads the environment and adopts
 * the descriptors that systemd passed.
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

export type { ChunkConn } from "./_conn.ts";
export { claim, type Claimed, type ClaimKinds } from "./claim.ts";
export { type AdoptedConn, connection } from "./connection.ts";
export {
  type ActivationEnv,
  type ListenFd,
  listenFds,
  listenFdsByName,
  type ListenFdsOptions,
} from "./environment.ts";
export { ActivationError, type ActivationErrorCode } from "./errors.ts";
export { type AdoptedListener, listen, type ListenOptions } from "./listen.ts";
export { type AdoptedDatagramConn, listenDatagram } from "./listen_datagram.ts";
export { listenServer } from "./listen_server.ts";
export { listenOr, type ListenOrOptions } from "./listen_or.ts";
export {
  type AdoptedTlsListener,
  type Certificate,
  listenTls,
  type ListenTlsOptions,
} from "./listen_tls.ts";
export { listeners, listenersByName } from "./listeners.ts";
