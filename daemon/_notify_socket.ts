import { UNIX_PATH_BYTES } from "../activation/_address.ts";
import { NOTIFY_SOCKET } from "./environment.ts";
import { NotifyError } from "./errors.ts";

/** The time to wait for a full notify socket, in milliseconds. */
const SEND_MS = 5_000;

// Library users may compile without the types of unstable API.
type ListenDatagram = (
  options: { transport: "unixpacket" },
) => Pick<Deno.DatagramConn, "send" | "close">;

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
      { variable: NOTIFY_SOCKET },
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
  const listenDatagram = Deno.listenDatagram as ListenDatagram | undefined;
  if (listenDatagram === undefined) {
    throw new NotifyError(
      `Cannot notify ${
        JSON.stringify(socket)
      }: this Deno has no datagram sockets; run it with --unstable-net`,
    );
  }
  try {
    const unbound = listenDatagram({ transport: "unixpacket" });
    const late = Promise.withResolvers<never>();
    // The first `setTimeout` of a program loads many modules of node:, a signal loads
    // none. While it has a listener, it keeps the process alive.
    const deadline = AbortSignal.timeout(SEND_MS);
    const onLate = () =>
      late.reject(new Error(`it is full, and stayed so for ${SEND_MS} ms`));
    deadline.addEventListener("abort", onLate);
    try {
      const sending = unbound.send(new TextEncoder().encode(message), {
        transport: "unixpacket",
        path,
      });
      sending.catch(() => {});
      await Promise.race([sending, late.promise]);
    } finally {
      deadline.removeEventListener("abort", onLate);
      unbound.close();
    }
  } catch (cause) {
    throw new NotifyError(
      `Cannot notify ${JSON.stringify(socket)}: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { variable: NOTIFY_SOCKET, cause },
    );
  }
}
