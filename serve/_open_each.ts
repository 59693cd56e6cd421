import type { ListenAddress } from "../runtime/stream_binding.ts";
import { BACKLOG } from "../activation/_transport.ts";
import { type ListenFd, listenFdsNamed } from "../activation/environment.ts";
import { ActivationError } from "../activation/errors.ts";
import type { ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

/** A service that is run by hand is not open to the network by default. */
const FALLBACK_HOSTNAME = "127.0.0.1";

/** How one socket becomes a server. */
export interface Opener {
  adopt(listenFd: ListenFd, backlog: number): Promise<ServiceServer>;
  listenAt(where: ListenAddress, backlog: number): Promise<ServiceServer>;
}

/**
 * Opens a server on each passed socket, or on the fallback when none was passed. When
 * one fails, closes the others.
 *
 * @throws {ActivationError} There is no socket, or one cannot be adopted.
 */
export async function openEach(
  { name, fallback, backlog = BACKLOG }: ServerOptions,
  { adopt, listenAt }: Opener,
): Promise<ServiceServer[]> {
  const listenFds = listenFdsNamed(name);
  if (listenFds.length === 0) {
    if (fallback === undefined) {
      throw new ActivationError(
        "Cannot serve: no socket was passed to this process; start it from a socket unit, or set a fallback",
        { code: "not-activated" },
      );
    }
    const where = "path" in fallback
      ? fallback
      : { ...fallback, hostname: fallback.hostname ?? FALLBACK_HOSTNAME };
    return [await listenAt(where, backlog)];
  }
  const opened: ServiceServer[] = [];
  try {
    for (const listenFd of listenFds) {
      opened.push(await adopt(listenFd, backlog));
    }
  } catch (error) {
    for (const server of opened) void server.drain();
    throw error;
  }
  return opened;
}
