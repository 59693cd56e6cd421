import { createServer, type Server } from "node:net";
import { unixConn } from "../../activation/adopted_conn.ts";
import { AdoptedListener } from "../../activation/adopted_listener.ts";
import { UNIX_ADDR } from "../../activation/socket_address.ts";
import type { InheritedConn, InheritedListener } from "../../mod.ts";
import { TempDir } from "../support/temp_dir.ts";

/** What the server is given, but for the descriptor: a socket of our own. */
export class OwnListener implements Disposable {
  readonly inherited: InheritedListener;
  /** How many connections the kernel has handed over so far. */
  accepted = 0;
  readonly #directory: TempDir;
  readonly #open: Disposable[] = [];

  private constructor(server: Server, directory: TempDir) {
    server.on("connection", () => this.accepted++);
    this.inherited = new AdoptedListener(server, UNIX_ADDR, unixConn);
    this.#directory = directory;
  }

  static async listen(): Promise<OwnListener> {
    const directory = new TempDir();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path: directory.join("echo.socket") }, resolve);
    });
    return new OwnListener(server, directory);
  }

  /** Connects a peer. */
  async dial(): Promise<Deno.Conn> {
    const path = this.#directory.join("echo.socket");
    const conn = await Deno.connect({ transport: "unix", path });
    this.#open.push(conn);
    return conn;
  }

  /** Connects a peer, and returns both ends. */
  async pair(): Promise<[conn: InheritedConn, peer: Deno.Conn]> {
    const [conn, peer] = await Promise.all([
      this.inherited.accept(),
      this.dial(),
    ]);
    this.#open.push(conn);
    return [conn, peer];
  }

  [Symbol.dispose](): void {
    for (const conn of this.#open) conn[Symbol.dispose]();
    this.inherited[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}
