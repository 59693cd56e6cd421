import { RefusedFd } from "./_runtime.ts";
import { ActivationError } from "./activation_error.ts";
import { describeFds } from "./choose_fds.ts";
import { type ListenFd, UNKNOWN_NAME } from "./environment.ts";
import { listenFds } from "./listen_fds.ts";

/** Standard input: the connected socket of an inetd-style service. */
const STDIN_FD = 0;

/** Descriptors that are not available, and why. */
const states = new Map<number, "owned" | "closed">();

/**
 * Makes the caller the owner of an available descriptor: one that is untouched, or
 * was refused. A number must be one that was passed to this process: any other may
 * be the runtime's own, and adopting that would break the process. The number in an
 * object is not checked: objects come from `listenFds()`.
 *
 * @throws {ActivationError} It was not passed to this process, or is owned or
 * closed.
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
  const state = states.get(fd);
  if (state !== undefined) {
    throw new ActivationError(
      `Cannot adopt fd ${fd} "${name}": ${
        state === "owned"
          ? "it was adopted before, and is open; keep the first listener or connection"
          : "it was adopted before, and is closed; only another process can get it again"
      }`,
      { fd, fdName: name },
    );
  }
  states.set(fd, "owned");
  return listenFd;
}

/**
 * Gives up a descriptor that cannot be adopted. It is available again if the cause
 * says that it is open; otherwise its number may have been reused.
 *
 * @returns The reason, if the cause is a `RefusedFd`.
 */
export function refuseFd(fd: number, cause: unknown): string | undefined {
  const refused = cause instanceof RefusedFd ? cause : undefined;
  if (refused === undefined || refused.closed) states.set(fd, "closed");
  else states.delete(fd);
  return refused?.message;
}

/** Notes that the owner of a descriptor has closed it. */
export function closedFd(fd: number): void {
  states.set(fd, "closed");
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
