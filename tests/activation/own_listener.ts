import { createServer } from "node:net";
import process from "node:process";
import { assertEquals } from "@std/assert";
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

const load = Reflect.get(process, "binding");

/** A handle of the runtime that is bound to a socket of its own. */
interface BoundHandle extends ServerHandle {
  bind(address: string, port?: number): number;
}

async function withHandles(path: string): Promise<Acceptor<InheritedConn>> {
  const { Pipe, constants, setupListenWrap } = load("pipe_wrap");
  return await listeningHandle(new Pipe(constants.SERVER), setupListenWrap, [
    path,
  ]);
}

async function withTcpHandles(): Promise<HandleAcceptor<InheritedConn>> {
  const { TCP, constants, setupListenWrap } = load("tcp_wrap");
  return await listeningHandle(new TCP(constants.SERVER), setupListenWrap, [
    "127.0.0.1",
    0,
  ]);
}

async function listeningHandle(
  handle: BoundHandle,
  setupListenWrap: (handle: BoundHandle) => void,
  address: Parameters<BoundHandle["bind"]>,
): Promise<HandleAcceptor<InheritedConn>> {
  const binding = (await streamBinding())!;
  assertEquals(handle.bind(...address), 0);
  return new HandleAcceptor(binding, (onConnection) => {
    handle.onconnection = (_status, accepted) => onConnection(accepted!);
    setupListenWrap(handle);
    assertEquals(handle.listen(128), 0);
    return handle;
  }, adoptedConn);
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
