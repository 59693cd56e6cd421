import { UNIX_PATH_BYTES } from "../activation/_address.ts";
import { sendErrorCode, sendUnixDatagram } from "./_unix_datagram.ts";
import { NOTIFY_SOCKET } from "./environment.ts";
import { NotifyError } from "./errors.ts";

/**
 * Returns the path of the notify socket in Deno's form: `@` becomes a NUL byte.
 *
 * @throws {NotifyError} Deno cannot reach a socket of this kind.
 */
export function notifySocketPath(socket: string): string {
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

/**
 * Sends one datagram to the notify socket.
 *
 * @throws {NotifyError} The socket does not take it.
 */
export async function sendToNotifySocket(
  socket: string,
  message: string,
): Promise<void> {
  const path = notifySocketPath(socket);
  try {
    await sendUnixDatagram(path, new TextEncoder().encode(message));
  } catch (cause) {
    throw new NotifyError(
      `Cannot notify ${JSON.stringify(socket)}: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { code: sendErrorCode(cause), variable: NOTIFY_SOCKET, cause },
    );
  }
}
