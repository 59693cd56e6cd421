import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { listenerAddr, UNIX_ADDR } from "../../activation/_address.ts";
import { adoptedConn } from "../../activation/_conn.ts";
import { handleAddr } from "../../activation/_handle_transport.ts";
import { SocketTransport } from "../../activation/_net_transport.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import { socketError } from "../../activation/errors.ts";
import { eventually, soon } from "../support/eventually.ts";

const { BrokenPipe, ConnectionReset } = Deno.errors;

/** Tests both ends of a TCP connection, one of them a socket of `node:net`. */
const testPair = (
  name: string,
  run: (socket: Socket, peer: Deno.Conn) => Promise<void>,
) =>
  Deno.test(name, async () => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const accepted = once(server, "connection") as Promise<[Socket]>;
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as { port: number };
    using peer = await Deno.connect({ hostname: "127.0.0.1", port });
    const [socket] = await soon("a peer is accepted", accepted);
    socket.on("error", () => {});
    try {
      await run(socket, peer);
    } finally {
      socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });

const conn = (socket: Socket) => adoptedConn(new SocketTransport(socket));

testPair(
  "a reset connection stays TCP",
  async (socket, peer) => {
    const localAddr = { ...peer.remoteAddr };
    // A peer that closes with unread bytes resets the connection.
    await new Promise((resolve) => socket.write("not read", resolve));
    peer.close();
    const handle: StreamHandle = Reflect.get(socket, "_handle");
    await eventually(
      "the peer is gone",
      () => handle.getpeername!({}),
      (status) => status !== 0,
    );
    const unknown = { transport: "tcp", hostname: "", port: 0 } as const;
    const adopted = conn(socket);
    assertEquals("setNoDelay" in adopted, true);
    assertEquals(adopted.localAddr, localAddr);
    assertEquals(adopted.remoteAddr, unknown);
    assertEquals(handleAddr(handle, "getsockname"), localAddr);
    assertEquals(handleAddr(handle, "getpeername"), unknown);
  },
);

testPair("an earlier error is reported", async (socket) => {
  const transport = new SocketTransport(socket);
  socket.destroy(new Error("broken"));
  await new Promise((resolve) => socket.once("close", resolve));
  const adopted = adoptedConn(transport);
  const writing = () => adopted.write(new Uint8Array(1));
  await assertRejects(() => adopted.readChunk(), Error, "broken");
  await assertRejects(writing, Error, "broken");
  await soon("shutting down settles", adopted.closeWrite());
});

testPair("an earlier end is reported", async (socket, peer) => {
  await peer.closeWrite();
  socket.resume();
  await once(socket, "end");
  assertEquals(await conn(socket).readChunk(), null);
});

testPair("after a close, reads and writes fail", async (socket) => {
  const transport = new SocketTransport(socket);
  const closed = once(socket, "close");
  socket.destroy();
  const writing = () => transport.write(new Uint8Array(1));
  await assertRejects(writing, BrokenPipe);
  await closed;
  await assertRejects(() => conn(socket).readChunk(), ConnectionReset);
});

Deno.test("the path of a server is known where this process has bound it", () => {
  const path = "/run/socket";
  assertEquals(listenerAddr(path), { transport: "unix", path });
  assertEquals(listenerAddr(null), UNIX_ADDR);
});

Deno.test("errors of node:net are Deno's, with their cause; others are unchanged", () => {
  const CLASSES: Record<string, keyof typeof Deno.errors> = {
    ...{ EACCES: "PermissionDenied", ECONNABORTED: "ConnectionAborted" },
    ...{ ECONNREFUSED: "ConnectionRefused", ECONNRESET: "ConnectionReset" },
    ...{ ENOTCONN: "NotConnected", EPIPE: "BrokenPipe", ETIMEDOUT: "TimedOut" },
  };
  for (const [code, name] of Object.entries(CLASSES)) {
    const cause = Object.assign(new Error(`read ${code}`), { code });
    const error = socketError(cause);
    assertEquals(error instanceof Deno.errors[name], true);
    assertEquals([error.name, error.message], [name, `read ${code}`]);
    assertStrictEquals(error.cause, cause);
  }
  for (const code of [undefined, "", "EIO"]) {
    const error = Object.assign(new Error("odd"), { code });
    assertStrictEquals(socketError(error as Error), error);
  }
});
