import type { Server } from "node:net";
import {
  rearmServer,
  RefusedFd,
  streamBinding,
  UNIX_SOCKET,
} from "./_runtime.ts";
import { ActivationError } from "./activation_error.ts";
import type { ListenFd } from "./environment.ts";
import { closedFd, ownFd, refuseFd } from "./own_fd.ts";
import { isTcpAddress } from "./socket_address.ts";

/** systemd's own default for `Backlog=`; the kernel caps it at `somaxconn`. */
export const BACKLOG = 4096;

/**
 * Takes over a descriptor that was passed, as a listening socket.
 *
 * @param listenOn Does it, or throws why it cannot.
 * @throws {ActivationError} The descriptor was not passed to this process, was
 * adopted before, or is not a listening stream socket.
 */
export async function adoptListenFd<T>(
  listenFd: number | ListenFd,
  listenOn: (fd: number) => T | Promise<T>,
  { onlyTcp = false } = {},
): Promise<T> {
  const { fd, name } = ownFd(listenFd);
  try {
    return await listenOn(fd);
  } catch (cause) {
    const what = refuseFd(fd, cause) ?? "it is not a listening stream socket";
    const wanted = onlyTcp
      ? "a TCP port"
      : "a path, an @abstract name or a TCP port";
    throw new ActivationError(
      `Cannot listen on fd ${fd} "${name}": ${what}; use ListenStream= with ${wanted}, and Accept=no`,
      { fd, fdName: name, cause },
    );
  }
}

/**
 * Makes a server of `node:net`, or of what is built on it, listen on a socket
 * that was passed.
 *
 * @param options.onlyTcp Whether a unix socket is refused.
 * @throws {ActivationError} As {@linkcode adoptListenFd}.
 */
export function adoptServer(
  server: Server,
  listenFd: number | ListenFd,
  backlog = BACKLOG,
  options: { onlyTcp?: boolean } = {},
): Promise<void> {
  return adoptListenFd(listenFd, async (fd) => {
    const binding = await streamBinding();
    binding?.expectStreamSocket(fd, options);
    await listening(server, { fd }, backlog);
    server.once("close", () => closedFd(fd));
    if (options.onlyTcp && !isTcpAddress(server.address())) {
      server.close();
      throw new RefusedFd(UNIX_SOCKET, { closed: true });
    }
  }, options);
}

/** Resolves once a server listens; rejects with why it cannot. */
export function listening(
  server: Server,
  where: { fd: number } | { host: string; port: number } | { path: string },
  backlog = BACKLOG,
): Promise<void> {
  rearmServer(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, backlog, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
