/** What a {@linkcode NotifyError} is about. */
export interface NotifyErrorOptions extends ErrorOptions {
  /** The environment variable at fault. */
  variable?: string;
}

/**
 * Thrown when the service manager asked to be notified and cannot be: the
 * notify socket is of a kind that Deno cannot reach, does not take the message,
 * or a value has no place in one. Also for a malformed `WATCHDOG_*` variable.
 *
 * The message quotes the value at fault and says what to do next.
 *
 * @example A service that goes on when it cannot notify
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
  /** The environment variable at fault, when one is. */
  readonly variable: string | undefined;

  /**
   * Makes an error; programs seldom do, they catch it.
   *
   * @param message What is wrong and what to do about it.
   * @param options The variable at fault, and the cause.
   */
  constructor(message: string, options: NotifyErrorOptions = {}) {
    super(message, options);
    this.variable = options.variable;
  }
}
