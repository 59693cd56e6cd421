import { TempDir } from "./temp_dir.ts";

/** Whether this machine has IPv6. */
export const HAS_IPV6: boolean = hasIpv6();

/**
 * A server in this process: it runs the test's function for each connection, at a
 * socket path of its own or, with a host name, at a free TCP port.
 */
export class TestServer implements Disposable {
  /** Its address, as ipc-client takes it. */
  readonly address: string;
  readonly #directory = new TempDir();
  readonly #listener: Deno.Listener<Deno.Conn, Deno.Addr>;
  readonly #open = new Set<Deno.Conn>();

  constructor(
    serve: (conn: Deno.Conn) => Promise<unknown>,
    hostname?: string,
  ) {
    if (hostname === undefined) {
      this.address = this.#directory.join("test.socket");
      this.#listener = Deno.listen({ transport: "unix", path: this.address });
    } else {
      const listener = Deno.listen({ hostname, port: 0 });
      this.address = tcpAddress(hostname, listener.addr.port);
      this.#listener = listener;
    }
    this.#serveAll(serve);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const conn of this.#open) conn[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }

  async #serveAll(
    serve: (conn: Deno.Conn) => Promise<unknown>,
  ): Promise<void> {
    for await (const conn of this.#listener) {
      this.#open.add(conn);
      // Errors here show in the client, which is under test.
      serve(conn).catch(() => {});
    }
  }
}

/** An address as ipc-client and systemd take it: IPv6 in brackets. */
export function tcpAddress(hostname: string, port: number): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}

/** Returns an unused TCP port. */
export function freePort(hostname: string): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return listener.addr.port;
}

function hasIpv6(): boolean {
  try {
    freePort("::1");
    return true;
  } catch {
    return false;
  }
}
