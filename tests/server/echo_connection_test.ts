import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AdoptedConn } from "../../mod.ts";
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

/** What a connection receives from now on, chunk by chunk. */
function chunksOf(conn: AdoptedConn): string[] {
  const chunks: string[] = [];
  const { forEachChunk } = conn;
  conn.forEachChunk = (onChunk) =>
    forEachChunk.call(conn, (chunk) => {
      chunks.push(text(chunk));
      return onChunk(chunk);
    });
  return chunks;
}

/** Serves another connection: by then all pending work of the earlier one has run. */
async function othersServed(listener: TestListener): Promise<void> {
  const { peer } = await served(listener);
  for (let i = 0; i < 10; i++) assertEquals(await echoOf(peer, "x"), "x");
}
