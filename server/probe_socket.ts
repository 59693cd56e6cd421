import type { Server } from "node:net";
import { streamBinding } from "../activation/_runtime.ts";

/** What a descriptor turned out to be. */
export interface ProbedSocket {
  /** Whether the server could serve it. */
  listens: boolean;
  /** What it is, as an operator would call it: `a unix stream socket`. */
  what: string;
}

/**
 * Finds out what a passed descriptor is, without accepting anything: listen(2) is
 * called as serving would call it, and the descriptor is closed again before the
 * runtime gets to look for connections. Those that wait stay in the kernel, and
 * so does the path of a unix socket.
 *
 * @param backlog What listen(2) is given, which sets it for a unix socket: the
 * same as in serving.
 */
export async function probeSocket(
  fd: number,
  backlog: number,
): Promise<ProbedSocket> {
  const { createServer } = await import("node:net");
  // Asked first: what cannot listen is closed.
  const type = (await streamBinding())?.kindOf(fd);
  const server = createServer();
  const failed = new Promise<NodeJS.ErrnoException>((resolve) =>
    server.once("error", resolve)
  );
  server.listen({ fd }, backlog);
  if (server.listening) {
    const what = describeListener(server);
    server.close();
    return { listens: true, what };
  }
  const { code } = await failed;
  return { listens: false, what: describeOther(code, type) };
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

/** Tells as much as Deno can find out about what cannot listen. */
function describeOther(
  code: string | undefined,
  type: string | undefined,
): string {
  if (code === "ENOTSOCK" || type === "FILE") return "not a socket";
  if (type === "TCP" || type === "PIPE") {
    return "a connection, as a unit with Accept=yes passes it";
  }
  return "no stream socket, but perhaps a datagram or sequential packet one";
}
