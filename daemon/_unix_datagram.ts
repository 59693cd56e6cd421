/** The time to wait for a full socket, in milliseconds. */
const SEND_MS = 5_000;

// Library users may compile without the types of unstable API.
type ListenDatagram = (options: { transport: "unixpacket" }) => {
  send(p: Uint8Array, addr: Deno.Addr): Promise<number>;
  close(): void;
};

/** A datagram socket without an address, which sends to unix sockets. */
export class UnixDatagramSocket implements Disposable {
  readonly #socket: ReturnType<ListenDatagram>;

  /** @throws {Deno.errors.NotSupported} Deno runs without `--unstable-net`. */
  constructor() {
    const listenDatagram: ListenDatagram | undefined = Reflect.get(
      ...[Deno, "listenDatagram"] as const,
    );
    if (listenDatagram === undefined) {
      throw new Deno.errors.NotSupported(
        "this Deno has no datagram sockets; run it with --unstable-net",
      );
    }
    this.#socket = listenDatagram({ transport: "unixpacket" });
  }

  /**
   * Sends one datagram. In the turn of the event loop in which the socket was opened, it
   * is only queued: the kernel gets it in the next one.
   *
   * @param path The path; that of an abstract socket begins with a NUL byte.
   * @throws {Deno.errors.TimedOut} The receiver has stayed full.
   */
  async send(path: string, bytes: Uint8Array): Promise<void> {
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
      const to = { transport: "unixpacket", path } as const;
      const sending = this.#socket.send(bytes, to);
      sending.catch(() => {});
      await Promise.race([sending, late.promise]);
    } finally {
      deadline.removeEventListener("abort", onLate);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Returns the kind of an error of {@linkcode UnixDatagramSocket}. */
export function sendErrorCode(
  error: unknown,
): "unavailable" | "timed-out" | "unreachable" {
  if (error instanceof Deno.errors.NotSupported) return "unavailable";
  if (error instanceof Deno.errors.TimedOut) return "timed-out";
  return "unreachable";
}
