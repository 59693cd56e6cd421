/**
 * Why the service manager cannot be notified:
 *
 * - `"malformed"`: a variable cannot be parsed, or names a socket that Deno cannot reach.
 * - `"invalid"`: systemd would discard the message.
 * - `"unavailable"`: this Deno has no datagram sockets; it needs `--unstable-net`.
 * - `"unreachable"`: the notify socket does not take the message, or a permission is
 *   missing. The cause is Deno's error.
 * - `"timed-out"`: the notify socket has stayed full for five seconds.
 *
 * @example
 * ```ts
 * import { NotifyError, type NotifyErrorCode } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const code: NotifyErrorCode = "invalid";
 * assertEquals(new NotifyError("Cannot notify", { code }).code, "invalid");
 * ```
 */
export type NotifyErrorCode =
  | "malformed"
  | "invalid"
  | "unavailable"
  | "unreachable"
  | "timed-out";

/** Options for {@linkcode NotifyError}. */
export interface NotifyErrorOptions extends ErrorOptions {
  /** The kind of the fault. */
  code: NotifyErrorCode;
  /** The environment variable at fault. */
  variable?: string;
}

/**
 * Thrown when the service manager cannot be notified: Deno cannot reach the notify
 * socket, the socket does not take the message, or a value is invalid. Also thrown for
 * a malformed `WATCHDOG_*` variable.
 *
 * The message quotes the value at fault and names the next step.
 *
 * @example A service that continues when it cannot notify
 * ```ts
 * import { notify, NotifyError } from "@ipc/ipc";
 *
 * try {
 *   await notify({ ready: true });
 * } catch (error) {
 *   if (!(error instanceof NotifyError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export class NotifyError extends Error {
  /** Always `"NotifyError"`. */
  override readonly name = "NotifyError";
  /** The kind of the fault. */
  readonly code: NotifyErrorCode;
  /** The environment variable at fault, if any. */
  readonly variable: string | undefined;

  /**
   * Creates an error. Programs usually catch this class instead.
   *
   * @param message The fault and the next step.
   * @param options The kind of the fault, the variable, and the cause.
   */
  constructor(message: string, options: NotifyErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.variable = options.variable;
  }
}
