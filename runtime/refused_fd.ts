/** The kinds of descriptor that are no stream sockets, by the runtime's names. */
export const OTHER_KINDS: Record<string, string> = {
  FILE: "it is a file or a device",
  TTY: "it is a terminal",
  UDP: "it is a UDP socket",
  UNKNOWN:
    "it is a datagram, sequential packet or vsock socket, or not open at all",
};

/**
 * The runtime's names for UDP sockets: Deno 2.9 has none for them, Node.js has the
 * second.
 */
export const UDP_KINDS: readonly string[] = ["UNKNOWN", "UDP"];

export const IS_UNIX_SOCKET = "it is a unix socket";

/** Thrown when a descriptor is of another kind than the caller asked for. */
export class RefusedFdError extends Error {
  /** Whether the descriptor was closed; if not, another call may adopt it. */
  readonly closed: boolean;

  constructor(message: string, { closed = false }: { closed?: boolean } = {}) {
    super(message);
    this.closed = closed;
  }
}
