import { ActivationError } from "./activation_error.ts";
import { describeFds } from "./choose_fds.ts";
import { type ListenFd, UNKNOWN_NAME } from "./environment.ts";
import { listenFds } from "./listen_fds.ts";

/** Standard input: the connected socket of an inetd-style service. */
const STDIN_FD = 0;

/** Descriptors that were adopted: each has one owner, who closes it. */
const owned = new Set<number>();

/**
 * Makes the caller the owner of a descriptor. A number has to be one that this
 * process was given: any other may be the runtime's own, and adopting that
 * would break the process. An object is taken at its word: it comes from
 * `listenFds()`, or from somebody who knows better.
 *
 * @throws {ActivationError} It was not passed to this process, or has an owner.
 */
export function ownFd(which: number | ListenFd): ListenFd {
  const listenFd = typeof which === "number" ? inherited(which) : which;
  const { fd, name } = listenFd;
  if (!Number.isInteger(fd) || fd < 0) {
    throw new ActivationError(
      `Cannot adopt fd "${fd}": it is not a descriptor; pass what listenFds() returned`,
      { fd, fdName: name },
    );
  }
  if (owned.has(fd)) {
    throw new ActivationError(
      `Cannot adopt fd ${fd} "${name}": it was adopted before; keep the first listener or connection`,
      { fd, fdName: name },
    );
  }
  owned.add(fd);
  return listenFd;
}

/** Gives up a descriptor that turned out not to be adoptable. */
export function disownFd(fd: number): void {
  owned.delete(fd);
}

function inherited(fd: number): ListenFd {
  const given = listenFds();
  const found = given.find((listenFd) => listenFd.fd === fd);
  if (found !== undefined) return found;
  if (fd === STDIN_FD) return { fd, name: UNKNOWN_NAME };
  throw new ActivationError(
    `Cannot adopt fd ${fd}: it was not passed to this process (passed: ${
      describeFds(given)
    }); start the program from a socket unit`,
    { fd },
  );
}
