import { UNIX_PATH_BYTES } from "../activation/_address.ts";
import { sendErrorCode, UnixDatagramSocket } from "./_unix_datagram.ts";
import { NOTIFY_SOCKET, type ReadableEnv } from "./environment.ts";
import { NotifyError } from "./errors.ts";

/**
 * Returns the path of the notify socket in Deno's form: `@` becomes a NUL byte.
 *
 * @throws {NotifyError} Deno cannot reach a socket of this kind.
 */
function notifySocketPath(socket: string): string {
  const refuse = (problem: string) =>
    new NotifyError(
      `Cannot use ${NOTIFY_SOCKET}: ${
        JSON.stringify(socket)
      } ${problem}; use an absolute path or @abstract`,
      { code: "malformed", variable: NOTIFY_SOCKET },
    );
  if (/^vsock(-[a-z]+)?:/.test(socket)) {
    throw refuse("is a vsock address, which Deno cannot send to");
  }
  if (!/^[/@]./s.test(socket)) throw refuse("is not a socket address");
  const bytes = new TextEncoder().encode(socket).length;
  if (bytes >= UNIX_PATH_BYTES) {
    throw refuse(`has more than ${UNIX_PATH_BYTES - 1} bytes`);
  }
  return socket.replace(/^@/, "\0");
}

/** Sends messages to the notify socket, one after another. */
export class NotifySender implements Disposable {
  /** Opened for the first message. */
  #socket: UnixDatagramSocket | undefined;

  /**
   * Sends one datagram, and returns whether there is a notify socket.
   *
   * @throws {NotifyError} The notify socket does not take it.
   */
  async send(env: ReadableEnv, message: string): Promise<boolean> {
    const address = env.get(NOTIFY_SOCKET);
    if (!address) return false;
    const path = notifySocketPath(address);
    try {
      this.#socket ??= new UnixDatagramSocket();
      await this.#socket.send(path, new TextEncoder().encode(message));
      return true;
    } catch (cause) {
      // A send that has timed out is still pending, and would delay later ones.
      this[Symbol.dispose]();
      throw new NotifyError(
        `Cannot notify ${JSON.stringify(address)}: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { code: sendErrorCode(cause), variable: NOTIFY_SOCKET, cause },
      );
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}
