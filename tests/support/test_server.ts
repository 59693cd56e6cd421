import { TempDir } from "./temp_dir.ts";

/** A server in this process: it runs the test's function for each connection. */
export class TestServer implements Disposable {
  readonly #directory = new TempDir();
  /** The path of its socket. */
  readonly address = this.#directory.join("test.socket");
  readonly #listener = Deno.listen({ transport: "unix", path: this.address });
  readonly #open: Deno.Conn[] = [];

  constructor(serve: (conn: Deno.Conn) => Promise<unknown>) {
    this.#serveAll(serve);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const conn of this.#open) conn[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }

  async #serveAll(serve: (conn: Deno.Conn) => Promise<unknown>): Promise<void> {
    for await (const conn of this.#listener) {
      this.#open.push(conn);
      // Errors here show in the client, which is under test.
      serve(conn).catch(() => {});
    }
  }
}
