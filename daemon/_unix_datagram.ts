/** The time to wait for a full socket, in milliseconds. */
const SEND_MS = 5_000;

// Library users may compile without the types of unstable API.
type ListenDatagram = (
  options: { transport: "unixpacket" },
) => Pick<Deno.DatagramConn, "send" | "close">;

/**
 * Sends one datagram to a unix socket.
 *
 * @param path The path; that of an abstract socket begins with a NUL byte.
 * @throws {Deno.errors.NotSupported} Deno runs without `--unstable-net`.
 * @throws {Deno.errors.TimedOut} The socket has stayed full.
 */
export async function sendUnixDatagram(
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const listenDatagram = Deno.listenDatagram as ListenDatagram | undefined;
  if (listenDatagram === undefined) {
    throw new Deno.errors.NotSupported(
      "this Deno has no datagram sockets; run it with --unstable-net",
    );
  }
  const unbound = listenDatagram({ transport: "unixpacket" });
  const late = Promise.withResolvers<never>();
  // The first `setTimeout` of a program loads many modules of node:, a signal loads
  // none. While it has a listener, it keeps the process alive.
  const deadline = AbortSignal.timeout(SEND_MS);
  const onLate = () =>
    late.reject(
      new Deno.errors.TimedOut(
        `it is full, and stayed so for ${SEND_MS} ms`,
      ),
    );
  deadline.addEventListener("abort", onLate);
  try {
    const sending = unbound.send(bytes, { transport: "unixpacket", path });
    sending.catch(() => {});
    await Promise.race([sending, late.promise]);
  } finally {
    deadline.removeEventListener("abort", onLate);
    unbound.close();
  }
}

/** Returns the kind of an error of {@linkcode sendUnixDatagram}. */
export function sendErrorCode(
  error: unknown,
): "unavailable" | "timed-out" | "unreachable" {
  if (error instanceof Deno.errors.NotSupported) return "unavailable";
  if (error instanceof Deno.errors.TimedOut) return "timed-out";
  return "unreachable";
}
