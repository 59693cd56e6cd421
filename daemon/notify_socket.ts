import { NotifyError } from "./notify_error.ts";
import { NOTIFY_SOCKET } from "./environment.ts";

/** The kernel has room for so many bytes, the one that ends a path included. */
const UNIX_PATH_BYTES = 108;

/** How long a full notify socket is waited for, in milliseconds. */
const SEND_MS = 5_000;

// The types of an unstable API come with a flag that library users may not have.
type ListenDatagram = (
  options: { transport: "unixpacket" },
) => Pick<Deno.DatagramConn, "send" | "close">;

/**
 * Returns the path to send to, in the form that Deno takes: `@` becomes a NUL.
 *
 * @throws {NotifyError} The socket is of a kind that cannot be reached.
 */
export function notifySocketPath(socket: string): string {
  const refuse = (problem: string) =>
    new NotifyError(
      `Cannot use ${NOTIFY_SOCKET}: ${
        JSON.stringify(socket)
      } ${problem}; it has to be an absolute path or @abstract`,
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
 * @throws {NotifyError} It cannot be sent.
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
    // The first `setTimeout` of a program loads half of what Node has; a signal
    // costs nothing. As long as somebody listens to it, it keeps the process alive.
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
