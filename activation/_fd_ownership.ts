import { RefusedFdError } from "../runtime/refused_fd.ts";
import { isUnsupported, OLDEST_DENO } from "./_oldest_deno.ts";
import {
  describeFds,
  type ListenFd,
  listenFds,
  UNKNOWN_NAME,
} from "./environment.ts";
import { ActivationError, type ActivationErrorCode } from "./errors.ts";

/** Standard input: the connected socket of an inetd-style service. */
const STDIN_FD = 0;

/** The state of each descriptor that is not available. */
const states = new Map<number, "owned" | "closed">();

/** The end of the error message for each of these states. */
const USED = {
  owned: "open; keep the first listener or connection",
  closed: "closed; restart the service to get it again",
};

/** The verb for each use of a descriptor, and the unit that passes one for it. */
const USES = {
  listen: [
    "listen on",
    "use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no",
  ],
  listenTcp: [
    "listen on",
    "use ListenStream= with a TCP port, and Accept=no",
  ],
  receive: [
    "receive on",
    "use ListenDatagram= with a UDP port",
  ],
  connect: [
    "take the connection on",
    "use Accept=yes with ListenStream=",
  ],
} as const;

/**
 * Takes ownership of an available descriptor: one that is untouched, or that another
 * call refused. A number must be one that was passed to this process: any other may
 * be the runtime's own, and adopting it would break the process. The number in an
 * object is not checked: objects come from `listenFds()`.
 *
 * When `open` throws a `RefusedFdError` and has not closed the descriptor, it becomes
 * available again. After any other error its number may have been reused.
 *
 * @throws {ActivationError} The descriptor was not passed to this process, is owned
 * or closed, or `open` has thrown.
 */
export async function adoptFd<T>(
  which: number | ListenFd,
  use: keyof typeof USES,
  open: (fd: number) => T | Promise<T>,
): Promise<T> {
  const { fd, name } = typeof which === "number" ? findPassed(which) : which;
  assertAvailable(fd, name);
  states.set(fd, "owned");
  try {
    return await open(fd);
  } catch (cause) {
    const isOpen = cause instanceof RefusedFdError && !cause.closed;
    if (isOpen) states.delete(fd);
    else states.set(fd, "closed");
    throw new ActivationError(...describe(cause, use, fd, name));
  }
}

/**
 * Returns the arguments of the error. Only a confirmed kind of descriptor gets advice
 * about the unit. Old releases of Deno fail with the errors of wrong kinds.
 */
function describe(
  cause: unknown,
  use: keyof typeof USES,
  fd: number,
  fdName: string,
): ConstructorParameters<typeof ActivationError> {
  const [action, advice] = USES[use];
  const failed = `Cannot ${action} fd ${fd} "${fdName}":`;
  const reason = cause instanceof Error ? cause.message : `${cause}`;
  const { deno } = Deno.version;
  return cause instanceof RefusedFdError && !isUnsupported(deno)
    ? [`${failed} ${reason}; ${advice}`, {
      code: "wrong-kind",
      fd,
      fdName,
      cause,
    }]
    : [
      `${failed} ${reason} (an error of Deno ${deno}); the oldest supported release is ${OLDEST_DENO}`,
      { code: "unsupported", fd, fdName, cause },
    ];
}

/** Records that the owner of a descriptor has closed it. */
export function closedFd(fd: number): void {
  states.set(fd, "closed");
}

function assertAvailable(fd: number, name: string): void {
  const fail = (
    code: ActivationErrorCode,
    which: string,
    problem: string,
  ): never => {
    throw new ActivationError(`Cannot adopt fd ${which}: ${problem}`, {
      code,
      fd,
      fdName: name,
    });
  };
  if (!Number.isInteger(fd) || fd < 0) {
    fail(
      "not-passed",
      `"${fd}"`,
      "it is not a descriptor; pass a result of listenFds()",
    );
  }
  const state = states.get(fd);
  if (state === undefined) return;
  fail(
    state,
    `${fd} "${name}"`,
    `it was adopted before, and is ${USED[state]}`,
  );
}

function findPassed(fd: number): ListenFd {
  const passed = listenFds();
  const found = passed.find((listenFd) => listenFd.fd === fd);
  if (found !== undefined) return found;
  if (fd === STDIN_FD) return { fd, name: UNKNOWN_NAME };
  throw new ActivationError(
    `Cannot adopt fd ${fd}: it was not passed to this process (passed: ${
      describeFds(passed)
    }); start the program from a socket unit`,
    { code: "not-passed", fd },
  );
}
