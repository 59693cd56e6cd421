import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, receiveAllText, send } from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { OwnListener, UNIX_WAYS, type Way, WAYS } from "./own_listener.ts";

/** Each case holds whatever carries the bytes. */
function test(
  name: string,
  run: (way: Way) => Promise<void>,
  ways = WAYS,
): void {
  for (const way of ways) Deno.test(`${way}: ${name}`, () => run(way));
}

const text = (bytes: Uint8Array | null) =>
  bytes && new TextDecoder().decode(bytes);

async function readText(
  conn: Deno.Conn,
  size: number,
): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const count = await conn.read(buffer);
  return count === null ? null : text(buffer.subarray(0, count));
}

test("readChunk: returns what was received, in order", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  for (const sent of ["one", "two", "three"]) {
    await send(peer, sent);
    assertEquals(text(await soon("it has come", conn.readChunk())), sent);
  }
});

test("readChunk: goes on where read left off, and read where it did", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  await send(peer, "abcdef");
  assertEquals(await readText(conn, 2), "ab");
  assertEquals(await readText(conn, 1), "c");
  assertEquals(text(await conn.readChunk()), "def");
  await send(peer, "ghi");
  assertEquals(await readText(conn, 1), "g");
  assertEquals(text(await conn.readChunk()), "hi");
});

test("readChunk: waits its turn among reads that wait", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  const waiting = [
    readText(conn, 2),
    conn.readChunk().then(text),
    readText(conn, 10),
    conn.readChunk().then(text),
  ];
  await send(peer, "abcd");
  assertEquals(await soon("two are served", Promise.all(waiting.slice(0, 2))), [
    "ab",
    "cd",
  ]);
  await send(peer, "ef");
  assertEquals(await soon("a third is served", waiting[2]!), "ef");
  await peer.closeWrite();
  assertEquals(await soon("the fourth is told of the end", waiting[3]!), null);
});

test("readChunk: what was received before the end comes before it", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  await send(peer, "last");
  peer.close();
  assertEquals(await readText(conn, 1), "l");
  assertEquals(text(await conn.readChunk()), "ast");
  for (let i = 0; i < 3; i++) {
    assertStrictEquals(await conn.readChunk(), null);
    assertStrictEquals(await readText(conn, 1), null);
  }
});

test("readChunk: a chunk is the caller's, and stays as it is", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  const sent = new Random(1).bytes(2_000_000);
  const sending = send(peer, sent).then(() => peer.closeWrite());
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let chunk; (chunk = await conn.readChunk()) !== null;) {
    assert(chunk.length > 0);
    chunks.push(chunk);
  }
  await sending;
  assertSameBytes(await new Blob(chunks).bytes(), sent);
  // No two chunks share memory: what is written to one shows in no other.
  const copies = chunks.map((chunk) => chunk.slice());
  chunks[0]!.fill(0);
  for (const [i, copy] of copies.entries()) {
    if (i > 0) assertSameBytes(chunks[i]!, copy);
  }
});

test("readChunk: mixed with reads of any size, no byte is lost", async (way) => {
  for (let seed = 1; seed <= 20; seed++) {
    using listener = await OwnListener.listen(way);
    const [conn, peer] = await listener.pair();
    const random = new Random(seed);
    const sent = random.bytes(300_000);
    const sending = send(peer, sent).then(() => peer.closeWrite());
    const got: Uint8Array<ArrayBuffer>[] = [];
    for (;;) {
      if (random.next() % 2 === 0) {
        const chunk = await conn.readChunk();
        if (chunk === null) break;
        got.push(chunk);
      } else {
        const buffer = new Uint8Array(random.size());
        const count = await conn.read(buffer);
        if (count === null) break;
        got.push(buffer.subarray(0, count));
      }
    }
    await sending;
    assertSameBytes(await new Blob(got).bytes(), sent);
  }
});

test("readChunk: close interrupts it, and then nothing is read", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  await send(peer, "x");
  assertEquals(text(await conn.readChunk()), "x");
  const waiting = assertRejects(
    () => conn.readChunk(),
    Deno.errors.Interrupted,
  );
  conn.close();
  await soon("the read that waited is interrupted", waiting);
  await assertRejects(() => conn.readChunk(), Deno.errors.BadResource);
});

test("readChunk: what was received and not read is gone with close", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  await send(peer, "abc");
  assertEquals(await readText(conn, 1), "a");
  conn.close();
  await assertRejects(() => conn.readChunk(), Deno.errors.BadResource);
});

test(
  "a reset is Deno's ConnectionReset, for every way to read",
  async (way) => {
    using listener = await OwnListener.listen(way);
    const [conn, peer] = await listener.pair();
    const waiting = [
      assertRejects(() => conn.readChunk(), Deno.errors.ConnectionReset),
      assertRejects(() => readText(conn, 1), Deno.errors.ConnectionReset),
    ];
    // A unix socket that is closed with unread input resets its peer.
    await conn.write(new Uint8Array(1));
    peer.close();
    const [error] = await soon("both are told", Promise.all(waiting));
    assertEquals((error.cause as { code?: string }).code, "ECONNRESET");
    await assertRejects(() => conn.readChunk(), Deno.errors.ConnectionReset);
    await assertRejects(() => readText(conn, 1), Deno.errors.ConnectionReset);
  },
  UNIX_WAYS,
);

test("writing to a peer that is gone is Deno's BrokenPipe", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  peer.close();
  const error = await soon<Error>(
    "a write fails",
    assertRejects(async () => {
      for (;;) await conn.write(new Uint8Array(1));
    }),
  );
  assert(error instanceof Deno.errors.BrokenPipe, `got ${error}`);
});

test("close interrupts the write that waits", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn] = await listener.pair();
  let written = 0;
  const waiting = assertRejects(async () => {
    for (;;) written += await conn.write(new Uint8Array(64 * 1024));
  }, Deno.errors.Interrupted);
  let before = -1;
  await eventually(
    "a write waits for the peer",
    () => [before, before = written],
    ([earlier, now]) => earlier === now,
  );
  conn.close();
  await soon("the write that waited is interrupted", waiting);
});

test("closeWrite settles when the connection is closed meanwhile", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn] = await listener.pair();
  const shutting = conn.closeWrite();
  conn.close();
  await soon("it settles", shutting);
});

test("closeWrite waits for the writes before it, and settles when they fail", async (way) => {
  using listener = await OwnListener.listen(way);
  const [conn, peer] = await listener.pair();
  const writing = conn.write(new Uint8Array(3_000_000));
  const failing = assertRejects(() => writing, Deno.errors.BrokenPipe);
  const shutting = Promise.all([conn.closeWrite(), conn.closeWrite()]);
  peer.close();
  await soon("the write fails", failing);
  await soon("it settles", shutting);
});

test("connections that nobody took are let go with their listener", async (way) => {
  using listener = await OwnListener.listen(way);
  const peer = await listener.dial();
  await eventually(
    "the kernel has handed the connection over",
    () => listener.accepted,
    (count) => count === 1,
  );
  listener.inherited.close();
  assertEquals(await receiveAllText(peer), "");
});

test("connections that nobody took stay unread, and in order", async (way) => {
  using listener = await OwnListener.listen(way);
  for (const sent of ["first", "second"]) {
    await send(await listener.dial(), sent);
  }
  await eventually(
    "the kernel has handed both connections over",
    () => listener.accepted,
    (count) => count === 2,
  );
  for (const sent of ["first", "second"]) {
    using conn = await listener.inherited.accept();
    assertEquals(text(await soon("it has come", conn.readChunk())), sent);
  }
});
