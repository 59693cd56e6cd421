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
  variable?: string | undefined;
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

  /** @ignore */
  constructor(message: string, options: NotifyErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.variable = options.variable;
  }
}

/**
 * Why a credential cannot be read:
 *
 * - `"invalid-name"`: systemd has no credentials of such a name.
 * - `"no-credentials"`: the service has none at all.
 * - `"not-passed"`: the service has none of that name.
 * - `"unreadable"`: its file cannot be read. The cause is Deno's error.
 * - `"not-text"`: it is not UTF-8.
 *
 * @example
 * ```ts
 * import { CredentialError, type CredentialErrorCode } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const code: CredentialErrorCode = "not-passed";
 * const error = new CredentialError("Cannot read it", { code, credential: "key" });
 * assertEquals([error.code, error.credential], ["not-passed", "key"]);
 * ```
 */
export type CredentialErrorCode =
  | "invalid-name"
  | "no-credentials"
  | "not-passed"
  | "unreadable"
  | "not-text";

/** Options for {@linkcode CredentialError}. */
export interface CredentialErrorOptions extends ErrorOptions {
  /** The kind of the fault. */
  code: CredentialErrorCode;
  /** The name of the credential. */
  credential: string;
}

/**
 * Thrown by `credential()`. The message names the credential and the next step.
 *
 * @example
 * ```ts
 * import { credential, CredentialError } from "@ipc/ipc";
 *
 * try {
 *   await credential("key");
 * } catch (error) {
 *   if (!(error instanceof CredentialError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export class CredentialError extends Error {
  /** Always `"CredentialError"`. */
  override readonly name = "CredentialError";
  /** The kind of the fault. */
  readonly code: CredentialErrorCode;
  /** The name of the credential. */
  readonly credential: string;

  /** @ignore */
  constructor(message: string, options: CredentialErrorOptions) {
    super(message, options);
    this.code = options.code;
    this.credential = options.credential;
  }
}

/**
 * Why a record cannot be sent to the journal:
 *
 * - `"invalid"`: the journal would drop a field or the record.
 * - `"too-large"`: the record does not fit into one datagram.
 * - `"unavailable"`: this Deno has no datagram sockets; it needs `--unstable-net`.
 * - `"unreachable"`: the socket does not take the record, or a permission is missing.
 *   The cause is Deno's error.
 * - `"timed-out"`: the socket has stayed full for five seconds.
 *
 * @example
 * ```ts
 * import { JournalError, type JournalErrorCode } from "@ipc/ipc";
 * import { assertEquals } from "@std/assert";
 *
 * const code: JournalErrorCode = "too-large";
 * assertEquals(new JournalError("Cannot send", { code }).code, "too-large");
 * ```
 */
export type JournalErrorCode =
  | "invalid"
  | "too-large"
  | "unavailable"
  | "unreachable"
  | "timed-out";

/** Options for {@linkcode JournalError}. */
export interface JournalErrorOptions extends ErrorOptions {
  /** The kind of the fault. */
  code: JournalErrorCode;
}

/**
 * Thrown by `journalSend()`. The message names the field at fault.
 *
 * @example
 * ```ts
 * import { JournalError, journalSend } from "@ipc/ipc";
 *
 * try {
 *   await journalSend({ message: "Field names have capital letters" });
 * } catch (error) {
 *   if (!(error instanceof JournalError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export class JournalError extends Error {
  /** Always `"JournalError"`. */
  override readonly name = "JournalError";
  /** The kind of the fault. */
  readonly code: JournalErrorCode;

  /** @ignore */
  constructor(message: string, options: JournalErrorOptions) {
    super(message, options);
    this.code = options.code;
  }
}
