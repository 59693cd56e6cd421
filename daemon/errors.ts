/** Options for {@linkcode NotifyError}. */
export interface NotifyErrorOptions extends ErrorOptions {
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
  /** The environment variable at fault, if any. */
  readonly variable: string | undefined;

  /**
   * Creates an error. Programs usually catch this class instead.
   *
   * @param message The fault and the next step.
   * @param options The variable at fault, and the cause.
   */
  constructor(message: string, options: NotifyErrorOptions = {}) {
    super(message, options);
    this.variable = options.variable;
  }
}
