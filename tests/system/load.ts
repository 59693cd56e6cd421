import { eventually, soon } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";

/** How each connection of a {@linkcode Load} ended. */
export interface Tally {
  /** Its bytes were echoed. */
  served: number;
  /** It was accepted, and ended before its bytes were echoed. */
  cut: number;
  /** It could not be made: the error. */
  refused: string[];
  /** Neither its bytes nor EOF arrived, or other bytes did: the error. */
  failed: string[];
}

/**
 * Clients that connect and close as fast as they are served, each with another
 * line, until `stop()`.
 */
export class Load implements AsyncDisposable {
  readonly clients: number;
  readonly #tally: Tally = { served: 0, cut: 0, refused: [], failed: [] };
  readonly #machine: Machine;
  readonly #running: Promise<void>[];
  #stopped = false;

  constructor(machine: Machine, { clients = 4 } = {}) {
    this.#machine = machine;
    this.clients = clients;
    this.#running = Array.from(
      { length: clients },
      (_, index) => this.#client(index),
    );
  }

  /** Waits until this many more connections have been served. */
  async goesOn(connections = 20): Promise<void> {
    const enough = this.#tally.served + connections;
    await eventually(
      `${connections} more connections are served`,
      () => this.#tally,
      ({ served }) => served >= enough,
    );
  }

  /** Ends the load, after the connections that are open now. */
  async stop(): Promise<Tally> {
    this.#stopped = true;
    await Promise.all(this.#running);
    return this.#tally;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #client(index: number): Promise<void> {
    for (let round = 0; !this.#stopped; round++) {
      let conn: Deno.UnixConn;
      try {
        conn = await this.#machine.connect();
      } catch (error) {
        this.#tally.refused.push(String(error));
        // Without a pause a closed socket would fill the memory with errors.
        await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      try {
        const line = `client ${index} round ${round}\n`;
        const echo = await soon(
          "the echo or the end has come",
          sendAndReceive(conn, line),
        );
        if (echo === line) this.#tally.served++;
        else if (line.startsWith(echo)) this.#tally.cut++;
        else {this.#tally.failed.push(
            `sent ${Deno.inspect(line)}, got ${Deno.inspect(echo)}`,
          );}
      } catch (error) {
        this.#tally.failed.push(String(error));
      } finally {
        conn.close();
      }
    }
  }
}

/**
 * Sends a text and returns the reply: as many bytes, or fewer if the
 * connection ends.
 */
export async function sendAndReceive(
  conn: Deno.Conn,
  text: string,
): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const received = new Uint8Array(bytes.length);
  let length = 0;
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += await conn.write(bytes.subarray(sent));
    }
    while (length < bytes.length) {
      const read = await conn.read(received.subarray(length));
      if (read === null) break;
      length += read;
    }
  } catch (error) {
    if (
      !(error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.BrokenPipe)
    ) {
      throw error;
    }
  }
  return new TextDecoder().decode(received.subarray(0, length));
}
