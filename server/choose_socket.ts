import { whyMisdirected } from "../activation/_no_socket.ts";
import { ActivationError, type ListenFd } from "../mod.ts";

/** The most descriptors in a message: a forged count may be huge. */
const SHOWN = 8;

/**
 * The next step when no socket was passed. "systemctl start" does not help when the
 * socket unit is active: reloading a changed unit drops its sockets.
 */
export const PASS_A_SOCKET =
  'run "systemctl restart ipc-server.socket", as after each change of the socket unit, and set no StandardInput=socket in the service';

/**
 * Returns the socket to serve.
 *
 * @throws {ActivationError} Not exactly one socket was passed, or it has another name.
 */
export function chooseSocket(
  listenFds: readonly ListenFd[],
  name: string,
): ListenFd {
  const [only] = listenFds;
  if (only !== undefined && listenFds.length === 1 && only.name === name) {
    return only;
  }
  const got = listenFds.slice(0, SHOWN).map(({ fd, name }) =>
    `fd ${fd} "${name}"`
  ).join(", ");
  const more = listenFds.length - SHOWN;
  const advice = only === undefined
    ? whyMisdirected() ?? PASS_A_SOCKET
    : listenFds.length > 1
    ? "pass only one: one ListenStream= in one socket unit"
    : `set FileDescriptorName=${name} in the socket unit, or use --name`;
  throw new ActivationError(
    `Wanted one socket named "${name}" from systemd, got ${got || "none"}${
      more > 0 ? ` and ${more} more` : ""
    }; ${advice}`,
    { code: only === undefined ? "not-activated" : "wrong-name" },
  );
}
