import { ActivationError } from "./activation_error.ts";
import { parseDecimal, parsePid } from "./decimal.ts";

/** The first descriptor that the service manager passes: `SD_LISTEN_FDS_START`. */
export const LISTEN_FDS_START = 3;

/** What a descriptor is called when `LISTEN_FDNAMES` is absent. */
export const UNKNOWN_NAME = "unknown";

// Named once, so that no rule depends on a string typed twice.
const LISTEN_PID = "LISTEN_PID";
const LISTEN_PIDFDID = "LISTEN_PIDFDID";
const LISTEN_FDS = "LISTEN_FDS";
const LISTEN_FDNAMES = "LISTEN_FDNAMES";

/** Every variable of the activation protocol, in the order they are checked. */
export const ACTIVATION_VARIABLES: readonly string[] = [
  LISTEN_PID,
  LISTEN_PIDFDID,
  LISTEN_FDS,
  LISTEN_FDNAMES,
];

/**
 * A descriptor that the service manager passed, and its name.
 *
 * @example
 * ```ts
 * import type { ListenFd } from "@ipc/ipc";
 *
 * const first: ListenFd = { fd: 3, name: "web.socket" };
 * ```
 */
export interface ListenFd {
  /** The number of the file descriptor, 3 or above. */
  readonly fd: number;
  /**
   * Its name: `FileDescriptorName=` of the socket unit, by default the name of
   * the unit. `"unknown"` when the service manager named none.
   */
  readonly name: string;
}

/** Where the activation variables are read from, and removed. */
export interface ActivationEnv {
  /** Returns the value of a variable, or undefined when it is not set. */
  get(name: string): string | undefined;
  /** Removes a variable. */
  delete(name: string): void;
}

const UINT64_MAX = 2n ** 64n - 1n;
const NAME_LENGTH_MAX = 255;
/**
 * Linux' default for `fs.nr_open`: no process has more descriptors. Stricter
 * than "3+n fits in an int", and keeps a forged count from filling the memory.
 */
const LISTEN_FDS_MAX = 2n ** 20n;
const FORBIDDEN_IN_NAME = /[^\x20-\x7e]/;

/**
 * Applies the rules of sd_listen_fds(3) to the activation variables. Pure: it
 * reads variables, and removes none.
 *
 * Values are checked only when `LISTEN_PID` names `pid`: variables that were
 * meant for another process are none of our business.
 *
 * @returns The descriptors in order, from fd 3; none when `pid` was not
 * activated.
 * @throws {ActivationError} A variable is malformed.
 */
export function parseActivation(
  env: Pick<ActivationEnv, "get">,
  pid: number,
): ListenFd[] {
  const listenPid = env.get(LISTEN_PID);
  if (listenPid === undefined) return [];
  // Is this really for us?
  if (checkPid(listenPid) !== pid) return [];

  const pidfdId = env.get(LISTEN_PIDFDID);
  if (pidfdId !== undefined) checkPidfdId(pidfdId);

  const listenFds = env.get(LISTEN_FDS);
  if (listenFds === undefined) return [];
  const count = checkCount(listenFds);
  if (count === 0) return [];

  const fdNames = env.get(LISTEN_FDNAMES);
  const names = fdNames === undefined ? undefined : parseNames(fdNames, count);
  return Array.from({ length: count }, (_, i) => ({
    fd: LISTEN_FDS_START + i,
    name: names?.[i] ?? UNKNOWN_NAME,
  }));
}

function malformed(
  variable: string,
  value: string,
  problem: string,
): ActivationError {
  return new ActivationError(
    `Cannot parse ${variable}: ${
      JSON.stringify(value)
    } ${problem}; start the program from a socket unit, or unset ${variable}`,
    { variable },
  );
}

function checkPid(value: string): number {
  const pid = parsePid(value);
  if (pid === undefined) {
    throw malformed(LISTEN_PID, value, "is not a process id above 0");
  }
  return pid;
}

function checkPidfdId(value: string): void {
  const id = parseDecimal(value);
  if (id === undefined || id > UINT64_MAX) {
    throw malformed(LISTEN_PIDFDID, value, "is not an unsigned 64-bit integer");
  }
}

function checkCount(value: string): number {
  const count = parseDecimal(value);
  if (count === undefined) {
    throw malformed(LISTEN_FDS, value, "is not a count of descriptors");
  }
  if (count > LISTEN_FDS_MAX) {
    throw malformed(
      LISTEN_FDS,
      value,
      "is more descriptors than a process can have",
    );
  }
  return Number(count);
}

function parseNames(value: string, count: number): string[] {
  const names = value.split(":");
  if (names.length !== count) {
    throw malformed(
      LISTEN_FDNAMES,
      value,
      `names ${names.length} where ${LISTEN_FDS} counts ${count}`,
    );
  }
  for (const name of names) {
    if (FORBIDDEN_IN_NAME.test(name)) {
      throw malformed(
        LISTEN_FDNAMES,
        value,
        "has a character that is not printable ASCII",
      );
    }
    if (name.length > NAME_LENGTH_MAX) {
      throw malformed(
        LISTEN_FDNAMES,
        value,
        `has a name of more than ${NAME_LENGTH_MAX} characters`,
      );
    }
  }
  return names;
}
