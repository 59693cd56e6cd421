import { createServer, type Socket } from "node:net";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  listenerAddr,
  localAddr,
  remoteAddr,
  UNIX_ADDR,
} from "../../activation/_address.ts";
import { adoptedConn } from "../../activation/_conn.ts";
import { handleAddr } from "../../activation/_handle_transport.ts";
import { SocketTransport } from "../../activation/_net_transport.ts";
import type { StreamHandle } from "../../runtime/stream_handle.ts";
import { socketError } from "../../activation/errors.ts";
import type { AdoptedConn } from "../../mod.ts";
import { eventually, soon } from "../support/eventually.ts";

/** Runs with both ends of a TCP connection, one of them a socket of `node:net`. */
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

/** Makes the peer of a socket reset the connection. */
async function reset(socket: Socket, peer: Deno.Conn): Promise<StreamHandle> {
  await new Promise((resolve) => socket.write("not read", resolve));
  peer.close();
  const handle: StreamHandle = Reflect.get(socket, "_handle");
  await eventually(
    "the peer is gone",
    () => handle.getpeername!({}),
    (status) => status !== 0,
  );
  return handle;
}

function conn(socket: Socket): AdoptedConn {
  return adoptedConn(new SocketTransport(socket));
}

Deno.test("a TCP connection keeps its kind after the peer has reset it", () =>
  withPair(async (socket, peer) => {
    const localAddr = {
      transport: "tcp",
      hostname: "127.0.0.1",
      port: (socket.address() as { port: number }).port,
    } as const;
    const handle = await reset(socket, peer);
    const unknown = { transport: "tcp", hostname: "", port: 0 } as const;
    const adopted = conn(socket);
    assertEquals("setNoDelay" in adopted, true);
    assertEquals(adopted.localAddr, localAddr);
    assertEquals(adopted.remoteAddr, unknown);
    assertEquals(handleAddr(handle, "getsockname"), localAddr);
    assertEquals(handleAddr(handle, "getpeername"), unknown);
  }));

Deno.test("an error before the first read is reported", () =>
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

Deno.test("an end before the first read is reported", () =>
  withPair(async (socket, peer) => {
    await peer.closeWrite();
    socket.resume();
    await new Promise((resolve) => socket.once("end", resolve));
    assertEquals(await conn(socket).readChunk(), null);
  }));

Deno.test("a close before the first read is reported as a reset", () =>
  withPair(async (socket) => {
    socket.destroy();
    await new Promise((resolve) => socket.once("close", resolve));
    const adopted = conn(socket);
    await assertRejects(
      () => adopted.readChunk(),
      Deno.errors.ConnectionReset,
    );
  }));

Deno.test("a write to a destroyed socket fails", () =>
  withPair(async (socket) => {
    const transport = new SocketTransport(socket);
    socket.destroy();
    await assertRejects(
      () => transport.write(new Uint8Array(1)),
      Deno.errors.BrokenPipe,
    );
  }));

Deno.test("the addresses of sockets and servers of node:net", () => {
  const net = (hostname: string, port: number) =>
    ({ transport: "tcp", hostname, port }) as const;
  const socket = {
    localAddress: "::1",
    localPort: 80,
    remoteAddress: "::2",
    remotePort: 4711,
  } as Socket;
  assertEquals(localAddr(socket), net("::1", 80));
  assertEquals(remoteAddr(socket), net("::2", 4711));
  const { remoteAddress: _, remotePort: _port, ...reset } = socket;
  assertEquals(remoteAddr(reset as Socket), net("", 0));
  assertEquals(localAddr({} as Socket), UNIX_ADDR);
  assertEquals(remoteAddr({} as Socket), UNIX_ADDR);
  assertEquals(
    listenerAddr({ address: "::1", family: "IPv6", port: 1 }),
    net("::1", 1),
  );
  const path = "/run/socket";
  assertEquals(listenerAddr(path), { transport: "unix", path });
  assertEquals(listenerAddr(null), UNIX_ADDR);
});

const CLASSES: [code: string, name: keyof typeof Deno.errors][] = [
  ["EACCES", "PermissionDenied"],
  ["ECONNABORTED", "ConnectionAborted"],
  ["ECONNREFUSED", "ConnectionRefused"],
  ["ECONNRESET", "ConnectionReset"],
  ["ENOTCONN", "NotConnected"],
  ["EPIPE", "BrokenPipe"],
  ["ETIMEDOUT", "TimedOut"],
];
for (const [code, name] of CLASSES) {
  Deno.test(`${code} is Deno's ${name}, and keeps its cause`, () => {
    const cause = Object.assign(new Error(`read ${code}`), { code });
    const error = socketError(cause);
    assertEquals(error instanceof Deno.errors[name], true);
    assertEquals(error.name, name);
    assertEquals(error.message, `read ${code}`);
    assertStrictEquals(error.cause, cause);
  });
}

for (const code of [undefined, "", "EIO"]) {
  Deno.test(`an error of code ${code} is returned unchanged`, () => {
    const error = Object.assign(new Error("odd"), { code });
    assertStrictEquals(socketError(error), error);
  });
}
