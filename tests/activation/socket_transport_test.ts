import { createServer, type Socket } from "node:net";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { adoptedConn, AdoptedTcpConn } from "../../activation/adopted_conn.ts";
import { handleAddr } from "../../activation/handle_addr.ts";
import { SocketTransport } from "../../activation/socket_transport.ts";
import type { StreamHandle } from "../../activation/_runtime.ts";
import type { InheritedConn } from "../../mod.ts";
import { eventually, soon } from "../support/eventually.ts";

/** Runs with both ends of a TCP connection, of which one is a socket of `node:net`. */
async function withPair(
  run: (socket: Socket, peer: Deno.Conn) => Promise<void>,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) =>
    server.once("connection", resolve)
  );
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      resolve((server.address() as { port: number }).port);
    })
  );
  using peer = await Deno.connect({ hostname: "127.0.0.1", port });
  const socket = await soon("a peer is accepted", accepted);
  socket.on("error", () => {});
  try {
    await run(socket, peer);
  } finally {
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Lets the peer of a socket reset the connection. */
async function reset(socket: Socket, peer: Deno.Conn): Promise<StreamHandle> {
  await new Promise((resolve) => socket.write("unread", resolve));
  peer.close();
  const handle: StreamHandle = Reflect.get(socket, "_handle");
  await eventually(
    "the peer is gone",
    () => handle.getpeername!({}),
    (status) => status !== 0,
  );
  return handle;
}

function conn(socket: Socket): InheritedConn {
  return adoptedConn(new SocketTransport(socket));
}

Deno.test("a TCP connection is one, also when its peer is gone", () =>
  withPair(async (socket, peer) => {
    const localAddr = {
      transport: "tcp",
      hostname: "127.0.0.1",
      port: (socket.address() as { port: number }).port,
    } as const;
    const handle = await reset(socket, peer);
    const nobody = { transport: "tcp", hostname: "", port: 0 } as const;
    const adopted = conn(socket);
    assertInstanceOf(adopted, AdoptedTcpConn);
    assertEquals(adopted.localAddr, localAddr);
    assertEquals(adopted.remoteAddr, nobody);
    assertEquals(handleAddr(handle, "getsockname"), localAddr);
    assertEquals(handleAddr(handle, "getpeername"), nobody);
  }));

Deno.test("what happened before somebody listened is told at once: an error", () =>
  withPair(async (socket) => {
    const transport = new SocketTransport(socket);
    socket.destroy(new Error("broken"));
    await new Promise((resolve) => socket.once("close", resolve));
    const adopted = adoptedConn(transport);
    await assertRejects(() => adopted.readChunk(), Error, "broken");
    await assertRejects(
      () => adopted.write(new Uint8Array(1)),
      Error,
      "broken",
    );
    await soon("shutting down settles", adopted.closeWrite());
  }));

Deno.test("what happened before somebody listened is told at once: the end", () =>
  withPair(async (socket, peer) => {
    await peer.closeWrite();
    socket.resume();
    await new Promise((resolve) => socket.once("end", resolve));
    assertEquals(await conn(socket).readChunk(), null);
  }));

Deno.test("what happened before somebody listened is told at once: that it is over", () =>
  withPair(async (socket) => {
    socket.destroy();
    await new Promise((resolve) => socket.once("close", resolve));
    const adopted = conn(socket);
    await assertRejects(
      () => adopted.readChunk(),
      Deno.errors.ConnectionReset,
    );
  }));

Deno.test("a socket that something else destroyed takes no write", () =>
  withPair(async (socket) => {
    const transport = new SocketTransport(socket);
    socket.destroy();
    await assertRejects(
      () => transport.write(new Uint8Array(1)),
      Deno.errors.BrokenPipe,
    );
  }));
