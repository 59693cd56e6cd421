import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  readText,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import {
  testConn,
  testListener,
  UNIX_TRANSPORTS,
} from "../support/test_listener.ts";

const text = (bytes: Uint8Array | null) =>
  bytes && new TextDecoder().decode(bytes);

testConn(
  "readChunk: returns chunks in order",
  async (conn, peer) => {
    for (const sent of ["one", "two", "three"]) {
      await send(peer, sent);
      assertEquals(text(await soon("it has come", conn.readChunk())), sent);
    }
  },
);

testConn(
  "readChunk: continues after read, and read after readChunk",
  async (conn, peer) => {
    await send(peer, "abcdef");
    assertEquals(await readText(conn, 2), "ab");
    assertEquals(await readText(conn, 1), "c");
    assertEquals(text(await conn.readChunk()), "def");
    await send(peer, "ghi");
    assertEquals(await readText(conn, 1), "g");
    assertEquals(text(await conn.readChunk()), "hi");
  },
);

testConn(
  "readChunk: pending reads are served in order",
  async (conn, peer) => {
    const waiting = [
      readText(conn, 2),
      conn.readChunk().then(text),
      readText(conn, 10),
      conn.readChunk().then(text),
    ];
    await send(peer, "abcd");
    assertEquals(
      await soon("two are served", Promise.all(waiting.slice(0, 2))),
      [
        "ab",
        "cd",
      ],
    );
    await send(peer, "ef");
    assertEquals(await soon("a third is served", waiting[2]!), "ef");
    await peer.closeWrite();
    assertEquals(
      await soon("the fourth gets the end", waiting[3]!),
      null,
    );
  },
);

testConn(
  "readChunk: queued bytes come before the end",
  async (conn, peer) => {
    await send(peer, "last");
    peer.close();
    assertEquals(await readText(conn, 1), "l");
    assertEquals(text(await conn.readChunk()), "ast");
    for (let i = 0; i < 3; i++) {
      assertStrictEquals(await conn.readChunk(), null);
      assertStrictEquals(await readText(conn, 1), null);
    }
  },
);

testConn(
  "readChunk: a chunk is the caller's, and does not change",
  async (conn, peer) => {
    const sent = new Random(1).bytes(2_000_000);
    const sending = send(peer, sent).then(() => peer.closeWrite());
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let chunk; (chunk = await conn.readChunk()) !== null;) {
      assert(chunk.length > 0);
      chunks.push(chunk);
    }
    await sending;
    assertSameBytes(await new Blob(chunks).bytes(), sent);
    // No two chunks share memory.
    const copies = chunks.map((chunk) => chunk.slice());
    chunks[0]!.fill(0);
    for (const [i, copy] of copies.entries()) {
      if (i > 0) assertSameBytes(chunks[i]!, copy);
    }
  },
);

testListener(
  "readChunk: mixed with reads of any size, no byte is lost",
  async (listener) => {
    for (let seed = 1; seed <= 20; seed++) {
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
  },
);

testConn(
  "readChunk: close interrupts it",
  async (conn, peer) => {
    await send(peer, "x");
    assertEquals(text(await conn.readChunk()), "x");
    const waiting = assertRejects(
      () => conn.readChunk(),
      Deno.errors.Interrupted,
    );
    conn.close();
    await soon("the read is interrupted", waiting);
    await assertRejects(() => conn.readChunk(), Deno.errors.BadResource);
  },
);

testConn(
  "readChunk: close drops queued bytes",
  async (conn, peer) => {
    await send(peer, "abc");
    assertEquals(await readText(conn, 1), "a");
    conn.close();
    await assertRejects(() => conn.readChunk(), Deno.errors.BadResource);
  },
);

testConn(
  "a reset is Deno's ConnectionReset, for read and readChunk",
  async (conn, peer) => {
    const waiting = [
      assertRejects(() => conn.readChunk(), Deno.errors.ConnectionReset),
      assertRejects(() => readText(conn, 1), Deno.errors.ConnectionReset),
    ];
    // A unix socket that is closed with unread input resets its peer.
    await conn.write(new Uint8Array(1));
    peer.close();
    const [error] = await soon("both reject", Promise.all(waiting));
    assertEquals((error.cause as { code?: string }).code, "ECONNRESET");
    await assertRejects(() => conn.readChunk(), Deno.errors.ConnectionReset);
    await assertRejects(() => readText(conn, 1), Deno.errors.ConnectionReset);
  },
  UNIX_TRANSPORTS,
);

testConn(
  "a reset closes a connection whose streams are piped",
  async (conn, peer) => {
    const piping = assertRejects(
      () => conn.readable.pipeTo(conn.writable),
      Deno.errors.ConnectionReset,
    );
    await conn.write(new Uint8Array(1));
    peer.close();
    await soon("the pipe fails", piping);
    assertThrows(() => conn.close(), Deno.errors.BadResource);
  },
  UNIX_TRANSPORTS,
);

testConn(
  "a write after the peer's close is Deno's BrokenPipe",
  async (conn, peer) => {
    peer.close();
    const error = await soon<Error>(
      "a write fails",
      assertRejects(async () => {
        for (;;) await conn.write(new Uint8Array(1));
      }),
    );
    assert(error instanceof Deno.errors.BrokenPipe, `got ${error}`);
  },
);

testConn("close interrupts a pending write", async (conn) => {
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
  await soon("the write is interrupted", waiting);
});

testConn(
  "closeWrite settles when the connection is closed",
  async (conn) => {
    const shutting = conn.closeWrite();
    conn.close();
    await soon("it settles", shutting);
  },
);

testConn(
  "closeWrite waits for pending writes, and settles when they fail",
  async (conn, peer) => {
    const writing = conn.write(new Uint8Array(3_000_000));
    const failing = assertRejects(() => writing, Deno.errors.BrokenPipe);
    const shutting = Promise.all([conn.closeWrite(), conn.closeWrite()]);
    peer.close();
    await soon("the write fails", failing);
    await soon("it settles", shutting);
  },
);

testListener(
  "queued connections are closed with their listener",
  async (listener) => {
    const peer = await listener.dial();
    await eventually(
      "the kernel has handed the connection over",
      () => listener.accepted,
      (count) => count === 1,
    );
    listener.adopted.close();
    assertEquals(await receiveAllText(peer), "");
  },
);

testListener(
  "queued connections stay paused and in order",
  async (listener) => {
    for (const sent of ["first", "second"]) {
      await send(await listener.dial(), sent);
    }
    await eventually(
      "the kernel has handed both connections over",
      () => listener.accepted,
      (count) => count === 2,
    );
    for (const sent of ["first", "second"]) {
      using conn = await listener.adopted.accept();
      assertEquals(text(await soon("it has come", conn.readChunk())), sent);
    }
  },
);
