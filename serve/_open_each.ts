import { adoptListening } from "../activation/_choose_fds.ts";
import { openFallback } from "../activation/_fallback.ts";
import { notActivated } from "../activation/_no_socket.ts";
import { BACKLOG } from "../activation/_transport.ts";
import { type ListenFd, listenFdsNamed } from "../activation/environment.ts";
import { logAddress } from "../daemon/_log_failure.ts";
import type { ListenAddress } from "../runtime/stream_handle.ts";
import type { ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

/** How one socket becomes a server. */
export interface Opener {
  adopt(listenFd: ListenFd, backlog: number): Promise<ServiceServer>;
  listenAt(where: ListenAddress, backlog: number): Promise<ServiceServer>;
}

/**
 * Opens a server on each passed socket, or on the fallback when none was passed. Other
 * descriptors stay available. When one socket fails, closes the others.
 *
 * @throws {ActivationError} There is no socket, or one cannot be adopted.
 */
export async function openEach(
  { name, fallback, backlog = BACKLOG, onListen }: ServerOptions,
  { adopt, listenAt }: Opener,
): Promise<ServiceServer[]> {
  const listenFds = listenFdsNamed(name);
  if (listenFds.length === 0) {
    if (fallback === undefined) throw notActivated("serve");
    const server = await openFallback(
      fallback,
      (where) => listenAt(where, backlog),
    );
    if (onListen === undefined) logAddress(server.addr);
    return [server];
  }
  return await adoptListening(
    listenFds,
    (listenFd) => adopt(listenFd, backlog),
    (server) => void server.drain(),
  );
}
