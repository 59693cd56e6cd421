import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AdoptedConn } from "../../mod.ts";
import { EchoConnection } from "../../server/echo_connection.ts";
import { eventually, soon, untilSteady } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receive,
  receiveAll,
  receiveAllText,
  send,
  sendBlocking,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { testConn, UNIX_TRANSPORTS } from "../support/test_listener.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const nothing = () => {};

/** Serves a connection. */
function served(conn: AdoptedConn, onChunk?: (chunk: Uint8Array) => void) {
  const echo = new EchoConnection(conn);
  const done = soon("the connection has ended", echo.serve(onChunk));
  // Not every test looks at how it ended.
  done.catch(nothing);
  return { echo, done };
}

/** As {@linkcode testConn}, over the handle of a unix socket alone. */
function test(name: string, run: Parameters<typeof testConn>[1]): void {
  testConn(name, run, ["handles"]);
}

test("echo: every byte, also after a half-close", async (conn, peer) => {
  const { done } = served(conn);
  const random = new Random(1);
  const sent = random.bytes(1_000_000);
  const sending = (async () => {
    for (let at = 0; at < sent.length;) {
      const size = random.size();
      await send(peer, sent.subarray(at, at + size));
      at += size;
    }
    await peer.closeWrite();
  })();
  assertSameBytes(await receiveAll(peer), sent);
  await Promise.all([sending, done]);
});

test("echo: each chunk is echoed, then reported", async (conn, peer) => {
  const events: string[] = [];
  const { writeChunk, closeWrite } = conn;
  conn.writeChunk = (chunk) => {
    events.push(`write ${text(chunk)}`);
    return writeChunk.call(conn, chunk);
  };
  conn.closeWrite = () => {
    events.push("end");
    return closeWrite.call(conn);
  };
  const { done } = served(conn, (chunk) => {
    events.push(`report ${text(chunk)}`);
  });
  for (const chunk of ["a", "b\n"]) {
    assertEquals(await echoOf(peer, chunk), chunk);
  }
  await peer.closeWrite();
  await done;
  assertEquals(events, [
    ...["write a", "report a", "write b\n", "report b\n", "end"],
  ]);
});

test("echo: no chunk is read before the last is taken", async (conn, peer) => {
  const taken = Promise.withResolvers<void>();
  const { forEachChunk } = conn;
  const chunks: string[] = [];
  conn.forEachChunk = (onChunk) =>
    forEachChunk.call(conn, (chunk) => {
      chunks.push(text(chunk));
      return onChunk(chunk);
    });
  conn.writeChunk = () => taken.promise;
  const { done } = served(conn);
  await send(peer, "first");
  await eventually("a chunk", () => chunks.length, (count) => count === 1);
  await send(peer, "second");
  // Several turns of the event loop: a connection that reads would have the chunk.
  for (let i = 0; i < 20; i++) await new Promise((turn) => setTimeout(turn));
  assertEquals(chunks, ["first"]);
  taken.resolve();
  await peer.closeWrite();
  await done;
  assertEquals(chunks, ["first", "second"]);
});

test("echo: nothing after close is echoed or reported", async (conn, peer) => {
  const reported: string[] = [];
  const { done } = served(conn, (chunk) => {
    reported.push(text(chunk));
  });
  for (const chunk of ["please clo", "se\n"]) {
    assertEquals(await echoOf(peer, chunk), chunk);
  }
  await send(peer, "forged");
  await peer.closeWrite();
  assertEquals(await receiveAllText(peer), "");
  await done;
  assertEquals(reported, ["please clo", "se\n"]);
});

testConn("echo: input behind close resets no peer", async (conn, peer) => {
  served(conn);
  const before = new Random(3).bytes(100_000);
  const sending = (async () => {
    await send(peer, before);
    await send(peer, "close");
    // The server goes on reading: a close with unread bytes would reset the peer.
    for (let i = 0; i < 20; i++) await send(peer, new Uint8Array(10_000));
    await peer.closeWrite();
  })();
  const got = await receiveAll(peer);
  await soon("the server has taken what came behind close", sending);
  const wanted = before.length + "close".length;
  assert(got.length >= wanted, `${got.length} of ${wanted} bytes came back`);
  assertSameBytes(got.subarray(0, before.length), before);
  assertEquals(text(got.subarray(before.length, wanted)), "close");
});

for (
  const [habit, chunk] of [["closes", ""], ["stops sending", "flood"]] as const
) {
  test(`echo: close ends a peer that never ${habit}`, async (conn, peer) => {
    const { done } = served(conn);
    assertEquals(await echoOf(peer, "close"), "close");
    const flood = (async () => {
      while (chunk !== "") await send(peer, chunk.repeat(2_000));
    })().catch(nothing);
    await done.catch(nothing);
    await soon("the flood ends in an error", flood);
    await assertRejects(() => send(peer, "x"), Deno.errors.BrokenPipe);
  });
}

testConn(
  "echo: a peer that resets ends its connection, which is closed",
  async (conn, peer) => {
    const { done } = served(conn);
    await send(peer, "unread");
    assertEquals(text(await receive(peer, 1)), "u");
    // A unix socket that is closed with unread input resets its peer.
    peer.close();
    await assertRejects(() => done, Deno.errors.ConnectionReset);
    const more = new Uint8Array(1);
    await assertRejects(() => conn.write(more), Deno.errors.BadResource);
  },
  UNIX_TRANSPORTS,
);

test("echo: a write that fails closes the connection", async (conn, peer) => {
  conn.writeChunk = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  const { done } = served(conn);
  await send(peer, "x");
  await assertRejects(() => done, Deno.errors.BrokenPipe);
  assertEquals(await receiveAllText(peer), "");
});

test("drain: bytes are echoed until no more arrive", async (conn, peer) => {
  const { echo, done } = served(conn);
  const draining = echo.drain();
  // Also those that arrive while the process is stopped.
  await sendBlocking(peer, "a", performance.now() + 300, 300);
  assertEquals(text(await receive(peer, 1)), "a");
  for (let i = 0; i < 30; i++) {
    assertEquals(await echoOf(peer, `${i}`), `${i}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await soon("the connection is drained", draining);
  assertEquals(await receiveAllText(peer), "");
  peer.close();
  await done;
});

test("drain: a peer that reads late gets all its echo", async (conn, peer) => {
  const { echo } = served(conn);
  const sent = new Random(5).bytes(2_000_000);
  // More than the kernel holds: it is sent only as the echo is read.
  const sending = send(peer, sent);
  await untilSteady(() => echo.bytes);
  const draining = echo.drain();
  // Long enough to take the connection for quiet, were it not for the write.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertSameBytes(await receive(peer, sent.length), sent);
  await soon("all is sent and drained", Promise.all([sending, draining]));
  assertEquals(await receiveAllText(peer), "");
});
