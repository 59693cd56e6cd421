import { createServer } from "node:net";
import process from "node:process";
import type { Acceptor } from "../../activation/acceptor.ts";
import { adoptedConn, type ChunkConn } from "../../activation/adopted_conn.ts";
import { AdoptedListener } from "../../activation/adopted_listener.ts";
import { HandleAcceptor } from "../../activation/handle_acceptor.ts";
import { ServerAcceptor } from "../../activation/server_acceptor.ts";
import { UNIX_ADDR } from "../../activation/socket_address.ts";
import { SocketTransport } from "../../activation/socket_transport.ts";
import { type ServerHandle, streamBinding } from "../../activation/_runtime.ts";
import type { InheritedConn, InheritedListener } from "../../mod.ts";
import { TempDir } from "../support/temp_dir.ts";

/**
 * What a listener is made of: the runtime's handles, which are others for TCP, or
 * servers of `node:net`.
 */
export type Way = "handles" | "TCP handles" | "node:net";

export const WAYS: readonly Way[] = ["handles", "TCP handles", "node:net"];

/** Those whose peers can reset: one of TCP says first that it has ended. */
export const UNIX_WAYS: readonly Way[] = ["handles", "node:net"];

/** What the server is given, but for the descriptor: a socket of our own. */
export class OwnListener implements Disposable {
  readonly inherited: InheritedListener;
  /** How many connections the kernel has handed over so far. */
  accepted = 0;
  readonly #directory: TempDir;
  readonly #dial: () => Promise<Deno.Conn>;
  readonly #open: Disposable[] = [];

  private constructor(
    acceptor: Acceptor<InheritedConn>,
    dial: () => Promise<Deno.Conn>,
    directory: TempDir,
  ) {
    const counting: Acceptor<InheritedConn> = {
      start: (onConnection, onError) =>
        acceptor.start((conn) => {
          this.accepted++;
          onConnection(conn);
        }, onError),
      close: () => acceptor.close(),
      ref: () => acceptor.ref(),
      unref: () => acceptor.unref(),
    };
    this.inherited = new AdoptedListener(
      counting as Acceptor<Deno.UnixConn & ChunkConn>,
      UNIX_ADDR,
    );
    this.#dial = dial;
    this.#directory = directory;
  }

  static async listen(way: Way = "handles"): Promise<OwnListener> {
    const directory = new TempDir();
    const path = directory.join("echo.socket");
    if (way === "TCP handles") {
      const acceptor = await withTcpHandles();
      const { hostname, port } = acceptor.addr as Deno.NetAddr;
      const dial = () => Deno.connect({ hostname, port });
      return new OwnListener(acceptor, dial, directory);
    }
    return new OwnListener(
      way === "handles" ? await withHandles(path) : await withNet(path),
      () => Deno.connect({ transport: "unix", path }),
      directory,
    );
  }

  /** Connects a peer. */
  async dial(): Promise<Deno.Conn> {
    const conn = await this.#dial();
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

async function withHandles(path: string): Promise<Acceptor<InheritedConn>> {
  const binding = await streamBinding();
  const { Pipe, constants } = Reflect.get(process, "binding")("pipe_wrap");
  const handle: ServerHandle & { bind(path: string): number } = new Pipe(
    constants.SERVER,
  );
  const status = handle.bind(path);
  if (status !== 0) throw new Error(`Cannot bind ${path}: ${status}`);
  return new HandleAcceptor(binding!, handle, 128, adoptedConn);
}

async function withTcpHandles(): Promise<HandleAcceptor<InheritedConn>> {
  const binding = await streamBinding();
  const { TCP, constants } = Reflect.get(process, "binding")("tcp_wrap");
  const handle: ServerHandle & { bind(address: string, port: number): number } =
    new TCP(constants.SERVER);
  const status = handle.bind("127.0.0.1", 0);
  if (status !== 0) throw new Error(`Cannot bind to 127.0.0.1: ${status}`);
  return new HandleAcceptor(binding!, handle, 128, adoptedConn);
}

async function withNet(path: string): Promise<Acceptor<InheritedConn>> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, resolve);
  });
  return new ServerAcceptor(
    server,
    (socket) => adoptedConn(new SocketTransport(socket)),
  );
}
