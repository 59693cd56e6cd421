import process from "node:process";
import { createServer } from "node:net";
import { assertEquals } from "@std/assert";
import type { Acceptor } from "../../activation/_transport.ts";
import { adoptedConn, type ChunkConn } from "../../activation/_conn.ts";
import { AcceptorListener } from "../../activation/_listener.ts";
import {
  HandleAcceptor,
  HandleTransport,
} from "../../activation/_handle_transport.ts";
import {
  ServerAcceptor,
  SocketTransport,
} from "../../activation/_net_transport.ts";
import { streamBinding } from "../../runtime/stream_binding.ts";
import type { ServerHandle } from "../../runtime/stream_handle.ts";
import type { AdoptedConn, AdoptedListener } from "../../mod.ts";
import { TempDir } from "./temp_dir.ts";

/** Handles of unix or TCP sockets, or `node:net`. */
type Transport = "handles" | "TCP handles" | "node:net";

const TRANSPORTS: readonly Transport[] = ["handles", "TCP handles", "node:net"];

/** Those whose peers reset by closing: a TCP peer sends its end first. */
export const UNIX_TRANSPORTS: readonly Transport[] = ["handles", "node:net"];

/** An adopted listener, but on a socket that this process has bound. */
export class TestListener implements Disposable {
  readonly adopted: AdoptedListener;
  /** The number of connections accepted so far. */
  accepted = 0;
  readonly #directory: TempDir;
  readonly #open: Disposable[] = [];

  private constructor(acceptor: Acceptor<AdoptedConn>, directory: TempDir) {
    const start = acceptor.start.bind(acceptor);
    acceptor.start = (onConnection, onError) =>
      start((conn) => {
        this.accepted++;
        onConnection(conn);
      }, onError);
    this.adopted = new AcceptorListener<
      Deno.UnixConn & ChunkConn,
      Deno.UnixAddr
    >(acceptor as Acceptor<Deno.UnixConn & ChunkConn>);
    this.#directory = directory;
  }

  static async listen(transport: Transport): Promise<TestListener> {
    const directory = new TempDir();
    const path = directory.join("echo.socket");
    const acceptor = transport === "node:net"
      ? withNet(path)
      : transport === "handles"
      ? withHandle("pipe_wrap", path)
      : withHandle("tcp_wrap", "127.0.0.1", 0);
    return new TestListener(await acceptor, directory);
  }

  /** Connects a peer. */
  async dial(): Promise<Deno.Conn> {
    const { hostname, port } = this.adopted.addr as Deno.NetAddr;
    const path = this.#directory.join("echo.socket");
    const conn = hostname === undefined
      ? await Deno.connect({ transport: "unix", path })
      : await Deno.connect({ hostname, port });
    this.#open.push(conn);
    return conn;
  }

  /** Connects a peer, and returns both ends. */
  async pair(): Promise<[conn: AdoptedConn, peer: Deno.Conn]> {
    const accepting = this.adopted.accept();
    const [conn, peer] = await Promise.all([accepting, this.dial()]);
    this.#open.push(conn);
    return [conn, peer];
  }

  [Symbol.dispose](): void {
    for (const conn of this.#open) conn[Symbol.dispose]();
    this.adopted[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

const load = Reflect.get(process, "binding");

/** A handle that can bind a socket. */
interface BoundHandle extends ServerHandle {
  bind(address: string, port?: number): number;
}

/** Accepts on a handle that is bound to a path, or to a host name and a port. */
async function withHandle(
  module: "pipe_wrap" | "tcp_wrap",
  ...address: Parameters<BoundHandle["bind"]>
): Promise<Acceptor<AdoptedConn>> {
  const binding = (await streamBinding())!;
  const { Pipe, TCP, constants, setupListenWrap } = load(module);
  const handle: BoundHandle = new (Pipe ?? TCP)(constants.SERVER);
  assertEquals(handle.bind(...address), 0);
  return new HandleAcceptor((onConnection) => {
    handle.onconnection = (_status, accepted) => onConnection(accepted!);
    setupListenWrap(handle);
    assertEquals(handle.listen(128), 0);
    return handle;
  }, (handle) => adoptedConn(new HandleTransport(binding, handle)));
}

async function withNet(path: string): Promise<Acceptor<AdoptedConn>> {
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

/** Registers a test of a listener for each transport. */
export function testListener(
  name: string,
  run: (listener: TestListener) => Promise<void>,
  kinds = TRANSPORTS,
): void {
  for (const kind of kinds) {
    Deno.test(`${kind}: ${name}`, async () => {
      using listener = await TestListener.listen(kind);
      await run(listener);
    });
  }
}

/** Registers a test of a connection for each transport. */
export function testConn(
  name: string,
  run: (conn: AdoptedConn, peer: Deno.Conn) => Promise<void>,
  kinds = TRANSPORTS,
): void {
  testListener(name, async (listener) => {
    await run(...await listener.pair());
  }, kinds);
}
