const NEWLINE = 0x0a;

/** The longest reply: a line without end must not exhaust memory. */
const LINE_BYTES_MAX = 1024 * 1024;

/** Reads a connection line by line. */
export class LineReader {
  readonly #conn: Pick<Deno.Conn, "read">;
  readonly #buffer = new Uint8Array(16 * 1024);
  #pending = new Uint8Array(0);

  constructor(conn: Pick<Deno.Conn, "read">) {
    this.#conn = conn;
  }

  /**
   * Returns the next line without its newline. The rest at the end of the connection
   * counts as a line.
   *
   * @returns The bytes, or null when the connection has ended.
   * @throws {RangeError} The line does not end within 1 MiB.
   */
  async read(): Promise<Uint8Array | null> {
    for (let searched = 0;;) {
      const end = this.#pending.indexOf(NEWLINE, searched);
      if (end !== -1) {
        const line = this.#pending.slice(0, end);
        this.#pending = this.#pending.slice(end + 1);
        return line;
      }
      searched = this.#pending.length;
      if (searched > LINE_BYTES_MAX) {
        throw new RangeError(`A line has more than ${LINE_BYTES_MAX} bytes`);
      }
      const count = await this.#conn.read(this.#buffer);
      if (count === null) return this.#rest();
      this.#append(this.#buffer.subarray(0, count));
    }
  }

  #append(bytes: Uint8Array): void {
    const longer = new Uint8Array(this.#pending.length + bytes.length);
    longer.set(this.#pending);
    longer.set(bytes, this.#pending.length);
    this.#pending = longer;
  }

  #rest(): Uint8Array | null {
    const rest = this.#pending;
    this.#pending = new Uint8Array(0);
    return rest.length === 0 ? null : rest;
  }
}
