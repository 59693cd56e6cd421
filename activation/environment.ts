import { ActivationError } from "./errors.ts";

/** The first descriptor that the service manager passes: `SD_LISTEN_FDS_START`. */
const LISTEN_FDS_START = 3;

/** The name of a descriptor when `LISTEN_FDNAMES` is absent. */
export const UNKNOWN_NAME = "unknown";

// Constants, so that a misspelt name does not compile.
const LISTEN_PID = "LISTEN_PID";
const LISTEN_PIDFDID = "LISTEN_PIDFDID";
const LISTEN_FDS = "LISTEN_FDS";
const LISTEN_FDNAMES = "LISTEN_FDNAMES";
const SYSTEMD_EXEC_PID = "SYSTEMD_EXEC_PID";

/** Every variable of the activation protocol. */
export const ACTIVATION_VARIABLES: readonly string[] = [
  LISTEN_PID,
  LISTEN_PIDFDID,
  LISTEN_FDS,
  LISTEN_FDNAMES,
];

/** Treated as not set if the program may not read them. */
const OPTIONAL_VARIABLES: readonly string[] = [
  LISTEN_PIDFDID,
  SYSTEMD_EXEC_PID,
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
   * the unit. `"unknown"` when the service manager passed no names.
   */
  readonly name: string;
}

/** The environment that the activation variables are read and removed from. */
export interface ActivationEnv {
  /** Returns the value of a variable, or undefined when it is not set. */
  get(name: string): string | undefined;
  /** Removes a variable. */
  delete(name: string): void;
}

/** Options for {@linkcode listenFds}. */
export interface ListenFdsOptions {
  /**
   * Remove the activation variables, so that child processes do not use them. They
   * are removed also when an error is thrown.
   *
   * @default {true}
   */
  unsetEnv?: boolean | undefined;
  /** The environment to read, in place of `Deno.env`. Disables the memo. */
  env?: ActivationEnv | undefined;
  /** The process id to compare with `LISTEN_PID`, in place of `Deno.pid`. Disables the memo. */
  pid?: number | undefined;
}

/** `Deno.env`, without the optional variables that the program may not read. */
const OWN_ENV: ActivationEnv = {
  get: (name) => isHidden(name) ? undefined : Deno.env.get(name),
  delete: (name) => void (isHidden(name) || Deno.env.delete(name)),
};

function isHidden(name: string): boolean {
  return OPTIONAL_VARIABLES.includes(name) && !mayReadEnv(name);
}

type Outcome =
  & { pid: number; unset?: true }
  & (
    | { fds: ListenFd[]; listenPid: number | undefined }
    | { error: ActivationError }
  );

/** The outcome of the first call of {@linkcode listenFds} in this process. */
let memo: Outcome | undefined;

/** Whether the program may read a variable. Does not prompt. */
export function mayReadEnv(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted";
}

/**
 * Returns the descriptors that the service manager passed to this process, in
 * order, from fd 3. Does no I/O and touches no descriptor.
 *
 * The first call reads the environment and remembers the outcome. Later calls
 * return the same descriptors (or throw the same error), even if the variables or
 * the permission to read them are gone. A worker has its own memo: call this in the
 * main thread.
 *
 * - `LISTEN_PID` absent, or the id of another process: `[]`. Fd 3 then belongs to
 *   the runtime: never open it.
 * - `LISTEN_FDS` absent or 0: `[]`.
 * - `LISTEN_FDNAMES` absent: every name is `"unknown"`.
 * - `LISTEN_PIDFDID` (newer systemd) is not read: comparing it needs a pidfd, which
 *   Deno cannot open. It is removed if the program may read it.
 *
 * The rules are stricter than libsystemd's: integers are plain decimal (libsystemd
 * also accepts `0x2`, `010`, `+2` and ` 2`); names are printable ASCII of at most
 * 255 characters, and a backslash has no special meaning; the largest count is 2²⁰.
 * They are laxer in two points: `LISTEN_FDS=0` means no descriptors instead of an
 * error, and a closed descriptor is detected only when it is adopted.
 *
 * Children started with `Deno.Command` inherit the descriptors: Deno cannot set
 * close-on-exec on them.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3)}
 *
 * @param options Whether to remove the variables, and where to read them.
 * @returns The descriptors; an empty array when the process was not activated.
 * @throws {ActivationError} A variable is malformed: not a decimal integer, a count
 * out of range, or names that are too long, not printable ASCII, or not as many as
 * the descriptors.
 * @throws {Deno.errors.NotCapable} The permission to read the environment is missing.
 *
 * @example
 * ```ts
 * import { listenFds } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const variables = new Map([
 *   ["LISTEN_PID", "7"],
 *   ["LISTEN_FDS", "2"],
 *   ["LISTEN_FDNAMES", "web:control"],
 * ]);
 * const fds = listenFds({ env: variables, pid: 7 });
 *
 * assertEquals(fds, [{ fd: 3, name: "web" }, { fd: 4, name: "control" }]);
 * assertEquals(variables.size, 0);
 * ```
 */
export function listenFds(options: ListenFdsOptions = {}): ListenFd[] {
  const { pid = Deno.pid, unsetEnv = true } = options;
  const isOwnEnv = (options.env ?? Deno.env) === Deno.env;
  const env = isOwnEnv ? OWN_ENV : options.env!;
  const isOwn = isOwnEnv && pid === Deno.pid;
  const outcome = isOwn && memo?.pid === pid ? memo : read(env, pid);
  if (isOwn) memo = outcome;
  // A remembered outcome must need no permission.
  if (unsetEnv && !outcome.unset) {
    for (const name of ACTIVATION_VARIABLES) env.delete(name);
    outcome.unset = true;
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.fds.slice();
}

/** Clears the memo of {@linkcode listenFds}. For tests only. */
export function forgetListenFds(): void {
  memo = undefined;
}

/**
 * Returns the descriptors that the service manager passed, by name. Names need
 * not be unique: a socket unit with two `ListenStream=` passes two descriptors
 * of one name, in the order of the lines.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds_with_names(3)}
 *
 * @param options As for {@linkcode listenFds}.
 * @returns A map from each name to its descriptors, in order; empty when the
 * process was not activated.
 * @throws {ActivationError} As {@linkcode listenFds}.
 *
 * @example
 * ```ts
 * import { listenFdsByName } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const env = new Map([
 *   ["LISTEN_PID", "7"],
 *   ["LISTEN_FDS", "2"],
 *   ["LISTEN_FDNAMES", "web.socket:web.socket"],
 * ]);
 * const fds = listenFdsByName({ env, pid: 7 });
 *
 * assertEquals(fds.get("web.socket")?.map(({ fd }) => fd), [3, 4]);
 * ```
 */
export function listenFdsByName(
  options: ListenFdsOptions = {},
): Map<string, ListenFd[]> {
  return Map.groupBy(listenFds(options), ({ name }) => name);
}

/**
 * Returns the descriptors of a name, or all of them without a name; none when the
 * process was not activated.
 *
 * @throws {ActivationError} Descriptors were passed, but none of that name. Using a
 * fallback then would hide a mistake in the socket unit.
 */
export function listenFdsNamed(name: string | undefined): ListenFd[] {
  const passed = listenFds();
  if (name === undefined || passed.length === 0) return passed;
  const chosen = passed.filter((listenFd) => listenFd.name === name);
  if (chosen.length === 0) {
    throw new ActivationError(
      `Cannot take the socket "${name}": it was not passed (passed: ${
        describeFds(passed)
      }); set FileDescriptorName=${name} in the socket unit`,
      { code: "wrong-name" },
    );
  }
  return chosen;
}

/** Returns descriptors in the form of an error message: `3 "web", 4 "control"`. */
export function describeFds(fds: readonly ListenFd[]): string {
  if (fds.length === 0) return "none";
  return fds.map(({ fd, name }) => `${fd} "${name}"`).join(", ");
}

/** Processes that may have received the sockets in place of this one. */
export interface PassedTo {
  /** The process in `LISTEN_PID`, as it was before its removal. */
  listenPid: number | undefined;
  /** The process that systemd started, in `SYSTEMD_EXEC_PID`. */
  execPid: number | undefined;
}

/** Returns to which processes systemd has passed sockets, as far as is known. */
export function passedTo(): PassedTo {
  listenFds();
  const execPid = OWN_ENV.get(SYSTEMD_EXEC_PID);
  return {
    listenPid: memo !== undefined && "fds" in memo ? memo.listenPid : undefined,
    execPid: execPid === undefined ? undefined : parsePid(execPid),
  };
}

function read(env: ActivationEnv, pid: number): Outcome {
  try {
    return {
      pid,
      fds: parseActivation(env, pid),
      listenPid: parsePid(env.get(LISTEN_PID) ?? ""),
    };
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) {
      return { pid, error: notUnicode(error) };
    }
    // A missing permission is not remembered: it may be granted later.
    if (!(error instanceof ActivationError)) throw error;
    return { pid, error };
  }
}

/** Deno cannot return a value that is not UTF-8. */
function notUnicode(cause: Error): ActivationError {
  return new ActivationError(
    `Cannot read the activation variables: ${cause.message}; names are printable ASCII`,
    { code: "malformed", cause },
  );
}

const PID_MAX = 2 ** 31 - 1;
const NAME_LENGTH_MAX = 255;
/**
 * Linux' default for `fs.nr_open`, the most descriptors of a process. Lower than
 * "3+n fits in an int", so that a forged count cannot exhaust memory.
 */
const LISTEN_FDS_MAX = 2n ** 20n;
const FORBIDDEN_IN_NAME = /[^\x20-\x7e]/;
const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

/**
 * Applies the rules of sd_listen_fds(3) to the activation variables, which stay set.
 * Values are checked only when `LISTEN_PID` is `pid`: otherwise the variables belong
 * to another process.
 *
 * @returns The descriptors in order, from fd 3; none when `pid` was not activated.
 * @throws {ActivationError} A variable is malformed.
 */
export function parseActivation(
  env: Pick<ActivationEnv, "get">,
  pid: number,
): ListenFd[] {
  const listenPid = env.get(LISTEN_PID);
  if (listenPid === undefined) return [];
  const receiver = parsePid(listenPid) ??
    malformed(LISTEN_PID, listenPid, "is not a process id above 0");
  // Is this really for us?
  if (receiver !== pid) return [];

  const listenFds = env.get(LISTEN_FDS);
  if (listenFds === undefined) return [];
  const count = parseDecimal(listenFds) ??
    malformed(LISTEN_FDS, listenFds, "is not a count of descriptors");
  if (count > LISTEN_FDS_MAX) {
    malformed(
      LISTEN_FDS,
      listenFds,
      "is more descriptors than a process can have",
    );
  }
  if (count === 0n) return [];

  const fdNames = env.get(LISTEN_FDNAMES);
  const names = fdNames === undefined
    ? undefined
    : parseNames(fdNames, Number(count));
  return Array.from({ length: Number(count) }, (_, i) => ({
    fd: LISTEN_FDS_START + i,
    name: names?.[i] ?? UNKNOWN_NAME,
  }));
}

function parseNames(value: string, count: number): string[] {
  const fail = (problem: string) => malformed(LISTEN_FDNAMES, value, problem);
  const names = value.split(":");
  if (names.length !== count) {
    fail(`names ${names.length} where ${LISTEN_FDS} counts ${count}`);
  }
  for (const name of names) {
    if (FORBIDDEN_IN_NAME.test(name)) {
      fail("has a character that is not printable ASCII");
    }
    if (name.length > NAME_LENGTH_MAX) {
      fail(`has a name of more than ${NAME_LENGTH_MAX} characters`);
    }
  }
  return names;
}

function malformed(variable: string, value: string, problem: string): never {
  throw new ActivationError(
    `Cannot parse ${variable}: ${
      JSON.stringify(value)
    } ${problem}; start the program from a socket unit, or unset ${variable}`,
    { code: "malformed", variable },
  );
}

/**
 * Parses an unsigned decimal integer without sign, spaces, hexadecimal digits or
 * leading zeros (libsystemd reads those as octal).
 *
 * @returns The number, or undefined when the text is not one.
 */
export function parseDecimal(text: string): bigint | undefined {
  return DECIMAL.test(text) ? BigInt(text) : undefined;
}

/** Parses a process id; returns undefined when the text is not one. */
export function parsePid(text: string): number | undefined {
  const pid = parseDecimal(text);
  return pid !== undefined && pid >= 1n && pid <= PID_MAX
    ? Number(pid)
    : undefined;
}
