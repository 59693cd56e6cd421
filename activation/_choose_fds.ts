import { RefusedFdError } from "../runtime/refused_fd.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import { describeFds, type ListenFd } from "./environment.ts";
import { ActivationError } from "./errors.ts";

/**
 * Returns those descriptors that may be sockets for a use; all if none may, so that
 * adopting one fails with the reason. A service may have others of the same name beside
 * them: a socket unit with `ListenStream=` and `ListenDatagram=` passes both.
 */
export async function fdsFor(
  use: "stream" | "udp",
  listenFds: readonly ListenFd[],
): Promise<readonly ListenFd[]> {
  if (listenFds.length < 2) return listenFds;
  const binding = await streamBinding();
  // Without it, the kind of a descriptor is not known.
  if (binding === undefined) return listenFds;
  const chosen = listenFds.filter(({ fd }) => binding.mayBe(fd, use));
  return chosen.length > 0 ? chosen : listenFds;
}

/**
 * Returns the only one of these descriptors.
 *
 * @param name The name by which they were chosen, if any.
 * @throws {ActivationError} There are several.
 */
export function onlyFd(fds: readonly ListenFd[], name?: string): ListenFd {
  const [only, ...others] = fds;
  if (only !== undefined && others.length === 0) return only;
  throw new ActivationError(
    `Cannot choose among several sockets (passed: ${describeFds(fds)}); ${
      name === undefined
        ? "name the one to take"
        : "give each a FileDescriptorName= of its own"
    }`,
    { code: "wrong-name" },
  );
}

/**
 * Adopts those descriptors that listen. A service may have others beside them: files
 * (`OpenFile=`), datagram sockets of the same unit, stored connections. These stay
 * available, except where `node:net` has closed them.
 *
 * @param listenFds The descriptors; none when the process was not activated.
 * @param adopt Adopts one, or throws an error whose cause is a `RefusedFdError`.
 * @param close Closes what was adopted before an error.
 * @throws {ActivationError} None of them listens.
 * @throws The error of `adopt`, for any other cause.
 */
export async function adoptListening<T>(
  listenFds: readonly ListenFd[],
  adopt: (listenFd: ListenFd) => Promise<T>,
  close: (adopted: T) => void,
): Promise<T[]> {
  using stack = new DisposableStack();
  const all: T[] = [];
  const refusals: ActivationError[] = [];
  for (const listenFd of listenFds) {
    try {
      all.push(stack.adopt(await adopt(listenFd), close));
    } catch (error) {
      if (!isNoListener(error)) throw error;
      refusals.push(error);
    }
  }
  const [first, ...others] = refusals;
  if (first !== undefined && all.length === 0) {
    throw others.length === 0 ? first : new ActivationError(
      refusals.map(({ message }) => message).join("; "),
      { code: first.code, cause: first },
    );
  }
  stack.move();
  return all;
}

/** Whether the descriptor is no listening socket. Others keep the service from working. */
function isNoListener(error: unknown): error is ActivationError {
  return error instanceof ActivationError && error.code === "wrong-kind" &&
    error.cause instanceof RefusedFdError;
}
