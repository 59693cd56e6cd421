/** Where an {@linkcode ActivationError} happened. */
export interface ActivationErrorOptions extends ErrorOptions {
  /** The file descriptor at fault. */
  fd?: number;
  /** The name of that descriptor, as `LISTEN_FDNAMES` gave it. */
  fdName?: string;
  /** The environment variable at fault. */
  variable?: string;
}

/**
 * Thrown when what the service manager handed over cannot be used: a malformed
 * `LISTEN_*` variable, or a descriptor that Deno cannot adopt.
 *
 * The message quotes the value at fault and says what to do next. It is fit to
 * be shown to an operator as it is.
 *
 * @example Tell an activation problem from any other failure
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
  /** The file descriptor at fault, when one is. */
  readonly fd: number | undefined;
  /** The name of that descriptor, when known. */
  readonly fdName: string | undefined;
  /** The environment variable at fault, when one is. */
  readonly variable: string | undefined;

  /**
   * Makes an error; programs seldom do, they catch it.
   *
   * @param message What is wrong and what to do about it.
   * @param options The descriptor or variable at fault, and the cause.
   */
  constructor(message: string, options: ActivationErrorOptions = {}) {
    super(message, options);
    this.fd = options.fd;
    this.fdName = options.fdName;
    this.variable = options.variable;
  }
}
