import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { eventually, soon, untilSteady } from "../support/eventually.ts";
import {
  assertSameBytes,
  readText,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import {
  testConn,
  type TestListener,
  testListener,
  UNIX_TRANSPORTS,
} from "../support/test_listener.ts";

const { BadResource, BrokenPipe, ConnectionReset, Interrupted } = Deno.errors;

const text = (bytes: Uint8Array | null) =>
  bytes && new TextDecoder().decode(bytes);

testConn("pending reads are served in order", async (conn, peer) => {
  const waiting = [
    readText(conn, 2),
    conn.readChunk().then(text),
    readText(conn, 10),
    conn.readChunk().then(text),
  ];
  await send(peer, "abcd");
  assertEquals(await Promise.all(waiting.slice(0, 2)), ["ab", "cd"]);
  await send(peer, "ef");
  assertEquals(await soon("a third is served", waiting[2]!), "ef");
  await peer.closeWrite();
  assertEquals(await soon("the fourth gets the end", waiting[3]!), null);
});

testConn("no two chunks of readChunk share memory", async (conn, peer) => {
  const sending = send(peer, new Random(1).bytes(2_000_000))
    .then(() => peer.closeWrite());
  const memory: ArrayBuffer[] = [];
  for (let chunk; (chunk = await conn.readChunk()) !== null;) {
    assert(chunk.length > 0);
    memory.push(chunk.buffer);
  }
  await sending;
  assertEquals(new Set(memory).size, memory.length);
});

testListener("reads of any kind lose no byte", async (listener) => {
  for (let seed = 1; seed <= 10; seed++) {
    const [conn, peer] = await listener.pair();
    const random = new Random(seed);
    const sent = random.bytes(300_000);
    const sending = send(peer, sent).then(() => peer.closeWrite());
    const got: Uint8Array<ArrayBuffer>[] = [];
    for (let chunk; chunk !== null;) {
      if (random.next() % 2 === 0) {
        chunk = await conn.readChunk();
      } else {
        const buffer = new Uint8Array(random.size());
        const count = await conn.read(buffer);
        chunk = count === null ? null : buffer.subarray(0, count);
      }
      if (chunk !== null) got.push(chunk);
    }
    await sending;
    assertSameBytes(await new Blob(got).bytes(), sent);
    assertEquals(await conn.readChunk(), null);
    assertEquals(await readText(conn, 1), null);
  }
});

// A unix socket that is closed with unread input resets its peer.

testConn("a reset is Deno's ConnectionReset", async (conn, peer) => {
  const reads = () => [
    assertRejects(() => conn.readChunk(), ConnectionReset),
    assertRejects(() => readText(conn, 1), ConnectionReset),
  ];
  const waiting = Promise.all(reads());
  await conn.write(new Uint8Array(1));
  peer.close();
  const [error] = await soon("both reject", waiting);
  assertEquals((error!.cause as { code?: string }).code, "ECONNRESET");
  await Promise.all(reads());
}, UNIX_TRANSPORTS);

testConn("a reset closes a piped connection", async (conn, peer) => {
  const piping = assertRejects(
    () => conn.readable.pipeTo(conn.writable),
    ConnectionReset,
  );
  await conn.write(new Uint8Array(1));
  peer.close();
  await soon("the pipe fails", piping);
  assertThrows(() => conn.close(), BadResource);
}, UNIX_TRANSPORTS);

testConn("a failed write of a stream is BrokenPipe", async (conn, peer) => {
  const writer = conn.writable.getWriter();
  peer.close();
  const failing = assertRejects(async () => {
    for (;;) await writer.write(new Uint8Array(1));
  }, BrokenPipe);
  await soon("a write fails", failing);
  assertThrows(() => conn.close(), BadResource);
});

testConn("close interrupts a pending write", async (conn) => {
  let written = 0;
  const waiting = assertRejects(async () => {
    for (;;) written += await conn.write(new Uint8Array(64 * 1024));
  }, Interrupted);
  await untilSteady(() => written);
  conn.close();
  await soon("the write is interrupted", waiting);
});

testConn("closeWrite settles after a close", async (conn) => {
  const shutting = conn.closeWrite();
  conn.close();
  await soon("it settles", shutting);
});

testConn("closeWrite settles when pending writes fail", async (conn, peer) => {
  const writing = conn.write(new Uint8Array(3_000_000));
  const failing = assertRejects(() => writing, BrokenPipe);
  const shutting = Promise.all([conn.closeWrite(), conn.closeWrite()]);
  peer.close();
  await soon("the write fails", failing);
  await soon("it settles", shutting);
});

/** Connects peers that send these texts, waits until all are accepted; returns one. */
async function queued(listener: TestListener, ...texts: string[]) {
  let peer;
  for (const sent of texts) await send(peer = await listener.dial(), sent);
  await eventually(
    "the kernel has handed the connections over",
    () => listener.accepted,
    (count) => count === texts.length,
  );
  return peer!;
}

testListener("a listener closes queued connections", async (listener) => {
  const peer = await queued(listener, "");
  listener.adopted.close();
  assertEquals(await receiveAllText(peer), "");
});

testListener("a closed for await yields what is queued", async (listener) => {
  const texts = ["first", "second", "third"];
  await queued(listener, ...texts);
  using first = await listener.adopted.accept();
  const seen = [text(await soon("it has come", first.readChunk()))];
  for await (using conn of listener.adopted) {
    listener.adopted[Symbol.dispose]();
    seen.push(text(await soon("it has come", conn.readChunk())));
  }
  assertEquals(seen, texts);
});
