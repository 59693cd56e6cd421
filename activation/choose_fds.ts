import { ActivationError } from "./activation_error.ts";
import type { ListenFd } from "./environment.ts";
import { listenFds } from "./listen_fds.ts";

/**
 * Returns the descriptors of a name, or all of them when no name is asked for;
 * none when the process was not activated.
 *
 * @throws {ActivationError} Descriptors were passed, and none has that name: to
 * fall back then would hide a mistake in the socket unit.
 */
export function chooseFds(name: string | undefined): ListenFd[] {
  const given = listenFds();
  if (name === undefined || given.length === 0) return given;
  const chosen = given.filter((listenFd) => listenFd.name === name);
  if (chosen.length === 0) {
    throw new ActivationError(
      `Cannot take the socket "${name}": it was not passed (passed: ${
        describeFds(given)
      }); set FileDescriptorName=${name} in the socket unit`,
    );
  }
  return chosen;
}

/** What was passed, for an error message: `3 "web", 4 "control"`. */
export function describeFds(given: readonly ListenFd[]): string {
  if (given.length === 0) return "none";
  return given.map(({ fd, name }) => `${fd} "${name}"`).join(", ");
}
