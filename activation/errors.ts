/**
 * Why a process cannot use what the service manager passed:
 *
 * - `"not-activated"`: no socket was passed to this process.
 * - `"malformed"`: a `LISTEN_*` variable cannot be parsed.
 * - `"wrong-name"`: no socket of that name was passed, a socket was not expected, or
 *   several have the same name.
 * - `"wrong-kind"`: the descriptor is not of the wanted kind, or Deno cannot adopt it.
 * - `"unsupported"`: this Deno cannot adopt sockets of that kind.
 * - `"not-passed"`: the number is none of the passed descriptors.
 * - `"owned"`: the descriptor was adopted before, and is open.
 * - `"closed"`: the descriptor was adopted before, and is closed.
 *
 * @example Print advice when no socket was passed
 * ```ts
 * import { ActivationError, claim } from "@ipc/ipc";
 *
 * try {
 *   await claim({ web: "tcp" });
 * } catch (error) {
 *   if (!(error instanceof ActivationError)) throw error;
 *   if (error.code !== "not-activated") throw error;
 *   console.log("start me with systemctl start web.socket");
 * }
 * ```
 */
export type ActivationErrorCode =
  | "not-activated"
  | "malformed"
  | "wrong-name"
  | "wrong-kind"
  | "unsupported"
  | "not-passed"
  | "owned"
  | "closed";

/** Options for {@linkcode ActivationError}. */
export interface ActivationErrorOptions extends ErrorOptions {
  /** The kind of the fault. */
  code: ActivationErrorCode;
  /** The file descriptor at fault. */
  fd?: number | undefined;
  /** The name of that descriptor in `LISTEN_FDNAMES`. */
  fdName?: string | undefined;
  /** The environment variable at fault. */
  variable?: string | undefined;
}

/**
 * Thrown when the process cannot use what the service manager passed: a malformed
 * `LISTEN_*` variable, or a descriptor that Deno cannot adopt.
 *
 * The message quotes the value at fault and names the next step. Programs can print
 * it to an operator as it is.
 *
 * @example Distinguish an activation error from any other
 * ```ts
 * import { ActivationError, listenFds } from "@ipc/ipc";
 *
 * try {
 *   listenFds();
 * } catch (error) {
 *   if (!(error instanceof ActivationError)) throw error;
 *   console.error(error.message);
 *   Deno.exit(78);
 * }
 * ```
 */
export class ActivationError extends Error {
  /** Always `"ActivationError"`. */
  override readonly name = "ActivationError";
  /** The kind of the fault. */
  readonly code: ActivationErrorCode;
  /** The file descriptor at fault, if any. */
  readonly fd: number | undefined;
  /** The name of that descriptor, if known. */
  readonly fdName: string | undefined;
  /** The environment variable at fault, if any. */
  readonly variable: string | undefined;

  /** @ignore */
  constructor(message: string, options: ActivationErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.fd = options.fd;
    this.fdName = options.fdName;
    this.variable = options.variable;
  }
}

/** Deno's error class for each error number of a stream socket. */
const CLASSES: Record<string, new (message: string) => Error> = {
  EACCES: Deno.errors.PermissionDenied,
  ECONNABORTED: Deno.errors.ConnectionAborted,
  ECONNREFUSED: Deno.errors.ConnectionRefused,
  ECONNRESET: Deno.errors.ConnectionReset,
  ENOTCONN: Deno.errors.NotConnected,
  EPIPE: Deno.errors.BrokenPipe,
  ETIMEDOUT: Deno.errors.TimedOut,
};

/**
 * Returns the error of Deno's own sockets for an error of `node:net`, which becomes
 * its cause. Code that compares error classes then works on adopted sockets.
 */
export function socketError(error: Error & { code?: string }): Error {
  const Class = CLASSES[error.code ?? ""];
  if (Class === undefined) return error;
  const mapped = new Class(error.message);
  mapped.cause = error;
  return mapped;
}
