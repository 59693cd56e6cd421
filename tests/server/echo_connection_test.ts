import { assert, assertEquals, assertRejects } from "@std/assert";
import type { InheritedConn } from "../../mod.ts";
import { EchoConnection } from "../../server/echo_connection.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receive,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { TestListener } from "../support/test_listener.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const nothing = () => {};

/** A connection that is being served, and its peer. */
async function served(listener: TestListener, onChunk = nothing) {
  const [conn, peer] = await listener.pair();
  const echo = new EchoConnection(conn);
  const done = echo.serve(onChunk);
  // Not every test looks at how it ended.
  done.catch(nothing);
  return { echo, peer, done };
}

Deno.test("echo: every byte is echoed, in order", async () => {
  using listener = await TestListener.listen();
  const { peer, done } = await served(listener);
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
  await sending;
  await soon("the connection is served to its end", done);
});

Deno.test("echo: a peer that half-closes without sending gets EOF", async () => {
  using listener = await TestListener.listen();
  const { peer, done } = await served(listener);
  await peer.closeWrite();
  assertEquals(await receiveAllText(peer), "");
  await soon("the connection is served to its end", done);
});

Deno.test("echo: a peer that half-closes still gets the rest", async () => {
  using listener = await TestListener.listen();
  const { peer } = await served(listener);
  const sent = new Random(2).bytes(150_000);
  await send(peer, sent);
  await peer.closeWrite();
  assertSameBytes(await receiveAll(peer), sent);
});

Deno.test("echo: each chunk is echoed, then reported", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  const events: string[] = [];
  const { writeChunk, closeWrite, close } = conn;
  conn.writeChunk = (chunk) => {
    events.push(`write ${text(chunk)}`);
    return writeChunk.call(conn, chunk);
  };
  conn.closeWrite = () => {
    events.push("end");
    return closeWrite.call(conn);
  };
  conn.close = () => {
    events.push("close");
    close.call(conn);
  };
  const done = new EchoConnection(conn).serve((chunk) => {
    events.push(`told ${text(chunk)}`);
  });
  for (const chunk of ["a", "b\n", "c"]) {
    assertEquals(await echoOf(peer, chunk), chunk);
  }
  await peer.closeWrite();
  await soon("the connection is served to its end", done);
  assertEquals(events, [
    "write a",
    "told a",
    "write b\n",
    "told b\n",
    "write c",
    "told c",
    "end",
    "close",
  ]);
});

Deno.test("echo: no chunk is read while the one before is not taken", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  const taken = Promise.withResolvers<void>();
  const chunks = chunksOf(conn);
  conn.writeChunk = () => taken.promise;
  const done = new EchoConnection(conn).serve();
  done.catch(nothing);
  await send(peer, "first");
  await eventually("a chunk", () => chunks.length, (count) => count === 1);
  await send(peer, "second");
  await othersServed(listener);
  assertEquals(chunks, ["first"]);
  taken.resolve();
  await peer.closeWrite();
  await soon("the connection is served to its end", done);
  assertEquals(chunks, ["first", "second"]);
});

const CLOSING: [how: string, packets: string[]][] = [
  ["in one packet", ["close"]],
  ["with its newline", ["close\n"]],
  ["amid other text", ["please close the door\n"]],
  ["split over two packets", ["x clo", "se"]],
  ["byte by byte", ["c", "l", "o", "s", "e"]],
  ["after a false start", ["clos", "close\n"]],
];
for (const [how, packets] of CLOSING) {
  Deno.test(`echo: "close" ${how} is echoed, then that is all`, async () => {
    using listener = await TestListener.listen();
    const { peer, done } = await served(listener);
    for (const packet of packets) {
      assertEquals(await echoOf(peer, packet), packet);
    }
    assertEquals(await receiveAllText(peer), "");
    peer.close();
    await soon("the connection is served to its end", done);
  });
}

Deno.test("echo: nothing after the chunk with close is echoed", async () => {
  using listener = await TestListener.listen();
  const { peer } = await served(listener);
  assertEquals(await echoOf(peer, "close\n"), "close\n");
  await send(peer, "more").catch(nothing);
  assertEquals(await receiveAllText(peer), "");
});

Deno.test("echo: nothing after the chunk with close is reported", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  const chunks = chunksOf(conn);
  const told: string[] = [];
  const done = new EchoConnection(conn).serve((chunk) => {
    told.push(text(chunk));
  });
  for (const chunk of ["1", "close"]) {
    assertEquals(await echoOf(peer, chunk), chunk);
  }
  await send(peer, "forged");
  await peer.closeWrite();
  await soon("the connection is served to its end", done);
  assertEquals(chunks, ["1", "close", "forged"]);
  assertEquals(told, ["1", "close"]);
});

Deno.test("echo: input behind close does not take the echo back", async () => {
  using listener = await TestListener.listen();
  const { peer } = await served(listener);
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

Deno.test("echo: a peer that never closes is disconnected after close", async () => {
  using listener = await TestListener.listen();
  const { peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "close"), "close");
  await soon(
    "the server closes a connection that its peer keeps open",
    done.catch(nothing),
    { within: 5_000 },
  );
  await assertRejects(() => send(peer, "x"), Deno.errors.BrokenPipe);
});

Deno.test("echo: a peer that never stops sending is disconnected after close", async () => {
  using listener = await TestListener.listen();
  const { peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "close"), "close");
  const flood = (async () => {
    for (;;) await send(peer, new Uint8Array(10_000));
  })().catch(nothing);
  await soon("the server closes a connection that floods", done.catch(nothing));
  await soon("the flood ends in an error", flood);
});

Deno.test("echo: a peer that resets ends its connection, which is closed", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  const done = new EchoConnection(conn).serve(nothing);
  await send(peer, "unread");
  await eventually(
    "the echo is on its way",
    () => receive(peer, 1),
    (got) => text(got) === "u",
  );
  // A unix socket that is closed with unread input resets its peer.
  peer.close();
  await soon(
    "the connection ends in an error",
    assertRejects(() => done, Deno.errors.ConnectionReset),
  );
  await assertRejects(() => conn.write(bytes("x")), Deno.errors.BadResource);
});

Deno.test("echo: a write that fails closes the connection", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  conn.writeChunk = () => Promise.reject(new Deno.errors.BrokenPipe("gone"));
  const done = new EchoConnection(conn).serve();
  await send(peer, "x");
  await soon(
    "the connection ends in that error",
    assertRejects(() => done, Deno.errors.BrokenPipe),
  );
  assertEquals(await receiveAllText(peer), "");
  await assertRejects(() => conn.closeWrite(), Deno.errors.BadResource);
});

Deno.test("drain: a silent connection is ended from our side", async () => {
  using listener = await TestListener.listen();
  const { echo, peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "before"), "before");
  echo.drain();
  assertEquals(await receiveAllText(peer), "");
  peer.close();
  await soon("the connection is served to its end", done);
});

Deno.test("drain: received bytes are echoed first", async () => {
  using listener = await TestListener.listen();
  const { echo, peer } = await served(listener);
  const sent = new Random(4).bytes(50_000);
  await send(peer, sent);
  echo.drain();
  assertSameBytes(await receiveAll(peer), sent);
});

Deno.test("drain: bytes are echoed until no more arrive", async () => {
  using listener = await TestListener.listen();
  const { echo, peer, done } = await served(listener);
  const draining = echo.drain();
  for (let i = 0; i < 30; i++) {
    assertEquals(await echoOf(peer, `${i}`), `${i}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await soon("the connection is drained", draining);
  assertEquals(await receiveAllText(peer), "");
  peer.close();
  await soon("the connection is served to its end", done);
});

Deno.test("drain: a peer that reads late still gets all of its echo", async () => {
  using listener = await TestListener.listen();
  const { echo, peer } = await served(listener);
  const sent = new Random(5).bytes(2_000_000);
  // More than the kernel holds: it is sent only as the echo is read.
  const sending = send(peer, sent);
  const draining = echo.drain();
  assertSameBytes(await receive(peer, sent.length), sent);
  await soon("all was sent", sending);
  await soon("the connection is drained", draining);
  assertEquals(await receiveAllText(peer), "");
});

Deno.test("drain: waits for a peer that does not read, until it is closed", async () => {
  using listener = await TestListener.listen();
  const [conn, peer] = await listener.pair();
  let ended = false;
  const { closeWrite } = conn;
  conn.closeWrite = () => {
    ended = true;
    return closeWrite.call(conn);
  };
  const echo = new EchoConnection(conn);
  const done = echo.serve();
  done.catch(nothing);
  const flood = send(peer, new Uint8Array(4_000_000)).catch(nothing);
  let before = -1;
  await eventually(
    "the echo is left to wait in the kernel",
    () => [before, before = echo.bytes],
    ([earlier, now]) => now! > 0 && earlier === now,
  );
  let drained = false;
  const draining = echo.drain().then(() => drained = true);
  // Long enough to take the connection for quiet, were it not for the write.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals({ drained, ended }, { drained: false, ended: false });
  echo.close();
  await assertRejects(() => done, Deno.errors.Interrupted);
  await soon("draining ends with the connection", draining);
  await soon("the flood ends in an error", flood);
});

Deno.test("close: closes a connection at once", async () => {
  using listener = await TestListener.listen();
  const { echo, peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "x"), "x");
  echo.close();
  echo.close();
  await soon("serving ends", done.catch(nothing));
  assertEquals(await receiveAllText(peer), "");
});

Deno.test("waits: nothing is reported or echoed before admission, then everything", async () => {
  using listener = await TestListener.listen();
  const { echo, told, peer, done } = await waiting(listener);
  const sent = new Random(6).bytes(2_000_000);
  const sending = send(peer, sent).then(() => peer.closeWrite());
  await othersServed(listener);
  assertEquals({ told: told(), bytes: echo.bytes }, { told: 0, bytes: 0 });
  echo.admit();
  assertSameBytes(await receiveAll(peer), sent);
  await soon("all was sent", sending);
  await soon("the connection is served to its end", done);
  assertEquals(told(), sent.length);
});

Deno.test("waits: 64 KiB are read; the rest stays in the kernel", async () => {
  using listener = await TestListener.listen();
  const { echo, received, peer } = await waiting(listener);
  const sent = new Random(8).bytes(1_000_000);
  let written = 0;
  const sending = (async () => {
    while (written < sent.length) {
      written += await peer.write(sent.subarray(written));
    }
  })();
  await eventually("64 KiB", received, (bytes) => bytes >= 64 * 1024);
  await othersServed(listener);
  assert(received() <= 2 * 64 * 1024, `${received()} bytes were received`);
  assert(written < sent.length, "all was sent");
  echo.admit();
  assertSameBytes(await receive(peer, sent.length), sent);
  await sending;
});

Deno.test("waits: a peer that disconnects without sending is dropped", async () => {
  using listener = await TestListener.listen();
  const leaving = await waiting(listener);
  const halfClosed = await waiting(listener);
  leaving.peer.close();
  await halfClosed.peer.closeWrite();
  await soon("the connection is closed", leaving.done);
  await soon("the connection is closed", halfClosed.done);
  assertEquals(await receiveAllText(halfClosed.peer), "");
});

Deno.test("waits: a client that has sent all is echoed at once", async () => {
  using listener = await TestListener.listen();
  const { told, peer, done } = await waiting(listener);
  await send(peer, "sent ");
  await send(peer, "all");
  await peer.closeWrite();
  assertEquals(await receiveAllText(peer), "sent all");
  await soon("the connection is served to its end", done);
  assertEquals(told(), "sent all".length);
});

Deno.test("waits: a client that sent and disconnected is noticed", async () => {
  using listener = await TestListener.listen();
  const { peer, done } = await waiting(listener);
  await send(peer, "sent all");
  peer.close();
  await soon("the connection is over", done.catch(nothing));
});

Deno.test("waits: a close word split across the wait still closes", async () => {
  using listener = await TestListener.listen();
  const { echo, received, peer, done } = await waiting(listener);
  await send(peer, "clo");
  await eventually("a chunk", received, (bytes) => bytes === 3);
  echo.admit();
  assertEquals(text(await receive(peer, 3)), "clo");
  await send(peer, "se");
  assertEquals(await receiveAllText(peer), "se");
  peer.close();
  await soon("the connection is served to its end", done);
});

Deno.test("waits: close ends a waiting connection without an echo", async () => {
  using listener = await TestListener.listen();
  const { echo, received, told, peer, done } = await waiting(listener);
  await send(peer, "in vain");
  await eventually("a chunk", received, (bytes) => bytes > 0);
  echo.close();
  echo.admit();
  await assertRejects(() => done, Deno.errors.Interrupted);
  assertEquals(await receiveAllText(peer), "");
  assertEquals(told(), 0);
});

/** A connection that waits to be admitted, and its peer. */
async function waiting(listener: TestListener) {
  const [conn, peer] = await listener.pair();
  const received = countReceived(conn);
  const echo = new EchoConnection(conn, { waits: true });
  let told = 0;
  const done = echo.serve((chunk) => {
    told += chunk.length;
  });
  // Not every test looks at how it ended.
  done.catch(nothing);
  return { echo, received, told: () => told, peer, done };
}

/** What a connection receives from now on, chunk by chunk. */
function chunksOf(conn: InheritedConn): string[] {
  const chunks: string[] = [];
  const { forEachChunk } = conn;
  conn.forEachChunk = (onChunk) =>
    forEachChunk.call(conn, (chunk) => {
      chunks.push(text(chunk));
      return onChunk(chunk);
    });
  return chunks;
}

/** Returns a function that counts the bytes read from a connection from now on. */
function countReceived(conn: InheritedConn): () => number {
  let bytes = 0;
  const { readChunk } = conn;
  conn.readChunk = async () => {
    const chunk = await readChunk.call(conn);
    bytes += chunk?.length ?? 0;
    return chunk;
  };
  return () => bytes;
}

/** Serves another connection: by then all pending work of the earlier one has run. */
async function othersServed(listener: TestListener): Promise<void> {
  const { peer } = await served(listener);
  for (let i = 0; i < 10; i++) assertEquals(await echoOf(peer, "x"), "x");
}
