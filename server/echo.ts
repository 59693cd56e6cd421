import type { AdoptedConn, ConnInfo } from "../mod.ts";
import { EchoConnection } from "./echo_connection.ts";

/** The counters of an {@linkcode Echo}. */
export interface EchoStatus {
  /** Connections being served. */
  open: number;
  /** Served connections, including open ones. */
  served: number;
  /** Received bytes. */
  bytes: number;
}

/** Serves connections, and counts. */
export class Echo {
  readonly #open = new Set<EchoConnection>();
  /** The counters of closed connections. */
  readonly #closed = { served: 0, bytes: 0 };

  get status(): EchoStatus {
    let { served, bytes } = this.#closed;
    for (const connection of this.#open) {
      served += 1;
      bytes += connection.bytes;
    }
    return { open: this.#open.size, served, bytes };
  }

  /**
   * Echoes until the peer has sent its last byte or `close`; when the server stops, until
   * all received data is echoed.
   *
   * @param onChunk Called with each chunk, which is valid during the call.
   */
  async serve(
    conn: AdoptedConn,
    { stopping }: ConnInfo,
    onChunk?: (chunk: Uint8Array) => void,
  ): Promise<void> {
    const connection = new EchoConnection(conn);
    stopping.addEventListener("abort", () => void connection.drain());
    this.#open.add(connection);
    try {
      await connection.serve(onChunk);
    } finally {
      this.#open.delete(connection);
      this.#closed.served += 1;
      this.#closed.bytes += connection.bytes;
    }
  }
}
