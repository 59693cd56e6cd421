import type { Server } from "node:net";
import { streamBinding } from "../runtime/stream_binding.ts";

/** The kind of a descriptor. */
export interface ProbedSocket {
  /** Whether the server can serve it. */
  listens: boolean;
  /** The kind in words: `a unix stream socket`. */
  kind: string;
}

/**
 * Returns the kind of a passed descriptor without accepting connections: calls listen(2)
 * as the server does, and closes the descriptor before the runtime polls it. Pending
 * connections stay in the kernel's queue, and a unix socket keeps its path.
 *
 * @param backlog The backlog for listen(2), the same as in serving: it changes that of a
 * unix socket.
 */
export async function probeSocket(
  fd: number,
  backlog: number,
): Promise<ProbedSocket> {
  const { createServer } = await import("node:net");
  // Before `listen`, which closes a descriptor that cannot listen.
  const type = (await streamBinding())?.kindOf(fd);
  const server = createServer();
  const failed = new Promise<NodeJS.ErrnoException>((resolve) =>
    server.once("error", resolve)
  );
  server.listen({ fd }, backlog);
  if (server.listening) {
    const kind = describeListener(server);
    server.close();
    return { listens: true, kind };
  }
  const { code } = await failed;
  return { listens: false, kind: describeOther(code, type) };
}

function describeListener(server: Server): string {
  const address = server.address();
  if (typeof address !== "object" || address === null) {
    return "a unix stream socket that listens";
  }
  const { address: host, port } = address;
  const shown = host.includes(":") ? `[${host}]` : host;
  return `a TCP socket that listens on ${shown}:${port}`;
}

/** Returns the kind of a descriptor that cannot listen, as far as Deno can tell. */
function describeOther(
  code: string | undefined,
  type: string | undefined,
): string {
  if (code === "ENOTSOCK" || type === "FILE") return "not a socket";
  if (type === "TCP" || type === "PIPE") {
    return "a connection, as a unit with Accept=yes passes it";
  }
  return "not a stream socket: a datagram, sequential packet or vsock socket, or closed";
}
