import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

/** Any listener that claims to be what `Deno.listen()` returns. */
export type AnyListener = Deno.Listener<Deno.Conn>;

/** One behaviour, as a program written for `Deno.listen()` relies on it. */
export interface Case {
  name: string;
  run(listener: AnyListener, dial: () => Promise<Deno.Conn>): Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

async function pair(
  listener: AnyListener,
  dial: () => Promise<Deno.Conn>,
): Promise<[conn: Deno.Conn, peer: Deno.Conn]> {
  return await Promise.all([listener.accept(), dial()]);
}

async function readSome(conn: Deno.Conn, size = 1024): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const count = await conn.read(buffer);
  return count === null ? null : text(buffer.subarray(0, count));
}

async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    chunks.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

async function writeAll(conn: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) {
    at += await conn.write(data.subarray(at));
  }
}

/** Bytes of which every position differs from its neighbours'. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

function assertSameBytes(got: Uint8Array, wanted: Uint8Array): void {
  assertEquals(got.length, wanted.length);
  const different = got.findIndex((byte, i) => byte !== wanted[i]);
  assertEquals(different, -1, `the bytes differ at ${different}`);
}

export const CASES: Case[] = [
  {
    name: "accept returns a connection that reads what the peer wrote",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await peer.write(bytes("hello"));
      assertEquals(await readSome(conn), "hello");
      await conn.write(bytes("you"));
      assertEquals(await readSome(peer), "you");
      conn.close();
      peer.close();
    },
  },
  {
    name: "for await yields connections in order",
    async run(listener, dial) {
      const seen: string[] = [];
      const peers = [await dial(), await dial(), await dial()];
      for (const [i, peer] of peers.entries()) await peer.write(bytes(`${i}`));
      for await (using conn of listener) {
        seen.push(await readSome(conn) ?? "");
        if (seen.length === peers.length) break;
      }
      assertEquals(seen, ["0", "1", "2"]);
      for (const peer of peers) peer.close();
    },
  },
  {
    name: "leaving a for await closes the listener",
    async run(listener, dial) {
      using _peer = await dial();
      for await (using _conn of listener) break;
      assertThrows(() => listener.close(), Deno.errors.BadResource);
    },
  },
  {
    name: "close rejects the accept that waits, with BadResource",
    async run(listener) {
      const waiting = assertRejects(
        () => listener.accept(),
        Deno.errors.BadResource,
      );
      listener.close();
      await waiting;
      await assertRejects(() => listener.accept(), Deno.errors.BadResource);
    },
  },
  {
    name: "close ends a for await",
    async run(listener, dial) {
      let count = 0;
      const loop = (async () => {
        for await (using _conn of listener) count += 1;
      })();
      using peer = await dial();
      assertEquals(await readSome(peer), null);
      listener.close();
      await loop;
      assertEquals(count, 1);
    },
  },
  {
    name: "a second close throws BadResource, and dispose does not",
    run(listener) {
      listener.close();
      assertThrows(() => listener.close(), Deno.errors.BadResource);
      listener[Symbol.dispose]();
      return Promise.resolve();
    },
  },
  {
    name: "a second accept at a time is refused with Busy",
    async run(listener, dial) {
      const first = listener.accept();
      await assertRejects(() => listener.accept(), Deno.errors.Busy);
      using _peer = await dial();
      using _conn = await first;
    },
  },
  {
    name: "connections survive the close of their listener",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      listener.close();
      await peer.write(bytes("still here"));
      assertEquals(await readSome(conn), "still here");
      conn.close();
      peer.close();
    },
  },
  {
    name: "addresses name the transport",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      using __ = peer;
      assertEquals(conn.localAddr.transport, listener.addr.transport);
      assertEquals(conn.remoteAddr.transport, listener.addr.transport);
      if (listener.addr.transport === "tcp") {
        assertEquals(conn.localAddr, peer.remoteAddr);
        assertEquals(conn.remoteAddr, peer.localAddr);
      }
    },
  },
  {
    name: "a small buffer gets the bytes in order, part by part",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await peer.write(bytes("abcdefgh"));
      await peer.closeWrite();
      let all = "";
      for (let part; (part = await readSome(conn, 3)) !== null;) {
        assert(part.length <= 3);
        all += part;
      }
      assertEquals(all, "abcdefgh");
      conn.close();
      peer.close();
    },
  },
  {
    name: "an empty buffer reads 0, an empty write writes 0",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      using __ = peer;
      assertEquals(await conn.read(new Uint8Array(0)), 0);
      assertEquals(await conn.write(new Uint8Array(0)), 0);
    },
  },
  {
    name: "two concurrent reads are served in order",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      const reads = [readSome(conn, 4), readSome(conn, 4)];
      await peer.write(bytes("abcdefgh"));
      assertEquals(await Promise.all(reads), ["abcd", "efgh"]);
      conn.close();
      peer.close();
    },
  },
  {
    name: "reads return null again and again after the end",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      peer.close();
      assertEquals(await readSome(conn), null);
      assertEquals(await readSome(conn), null);
    },
  },
  {
    name: "a peer that half-closed is still answered",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await peer.write(bytes("question"));
      await peer.closeWrite();
      assertEquals(text(await readAll(conn)), "question");
      await conn.write(bytes("answer"));
      conn.close();
      assertEquals(text(await readAll(peer)), "answer");
      peer.close();
    },
  },
  {
    name: "after closeWrite the peer reads the end, and we still read",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await conn.write(bytes("last"));
      await conn.closeWrite();
      assertEquals(text(await readAll(peer)), "last");
      await assertRejects(
        () => conn.write(bytes("more")),
        Deno.errors.BrokenPipe,
      );
      await peer.write(bytes("reply"));
      assertEquals(await readSome(conn), "reply");
      conn.close();
      peer.close();
    },
  },
  {
    name: "closeWrite may be called again",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      using __ = peer;
      await conn.closeWrite();
      await conn.closeWrite();
    },
  },
  {
    name: "close interrupts the read that waits",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = peer;
      const reading = assertRejects(
        () => readSome(conn),
        Deno.errors.Interrupted,
      );
      conn.close();
      await reading;
    },
  },
  {
    name: "after close everything throws BadResource, and dispose does not",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = peer;
      conn.close();
      const { BadResource } = Deno.errors;
      await assertRejects(() => readSome(conn), BadResource);
      await assertRejects(() => conn.write(bytes("x")), BadResource);
      await assertRejects(() => conn.closeWrite(), BadResource);
      assertThrows(() => conn.close(), BadResource);
      conn[Symbol.dispose]();
    },
  },
  {
    name: "bytes written before the close arrive",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await writeAll(conn, bytes("to be kept"));
      conn.close();
      assertEquals(text(await readAll(peer)), "to be kept");
      peer.close();
    },
  },
  {
    name: "writing to a closed peer fails",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      peer.close();
      const error = await assertRejects(async () => {
        for (let i = 0; i < 1000; i++) await conn.write(pattern(64 * 1024));
      });
      assert(
        error instanceof Deno.errors.BrokenPipe ||
          error instanceof Deno.errors.ConnectionReset,
        `got ${error}`,
      );
    },
  },
  {
    name: "megabytes pass both ways at once, byte for byte",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      const there = pattern(1_000_000);
      const back = pattern(800_000).reverse();
      const [gotThere, gotBack] = await Promise.all([
        readAll(conn),
        readAll(peer),
        writeAll(peer, there).then(() => peer.closeWrite()),
        writeAll(conn, back).then(() => conn.closeWrite()),
      ]);
      assertSameBytes(gotThere, there);
      assertSameBytes(gotBack, back);
      conn.close();
      peer.close();
    },
  },
  {
    name:
      "writes that nobody waited for arrive whole, in order, before the end",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      const parts = [1, 2, 3].map((part) => pattern(200_000).fill(part));
      // A write may take a part only, as Deno's own do; what it took has to come.
      const writes = Promise.all(parts.map((part) => conn.write(part)));
      const ended = writes.then(() => conn.closeWrite());
      const got = await readAll(peer);
      await ended;
      const counts = await writes;
      const wanted = parts.flatMap((
        part,
        i,
      ) => [...part.subarray(0, counts[i])]);
      assertSameBytes(got, Uint8Array.from(wanted));
      conn.close();
      peer.close();
    },
  },
  {
    name: "a peer that does not read makes writes wait",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      const size = 16 * 1024 * 1024;
      let written = 0;
      const writing = (async () => {
        const chunk = pattern(64 * 1024);
        while (written < size) written += await conn.write(chunk);
        await conn.closeWrite();
      })();
      await untilSteady(() => written, "the writes never stopped to wait");
      assert(written < size / 2, `${written} bytes were taken by nobody`);
      const got = await readAll(peer);
      await writing;
      assertEquals(got.length, written);
      conn.close();
      peer.close();
    },
  },
  {
    name: "a connection that is not read makes its peer wait",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await peer.write(bytes("x"));
      await readSome(conn);
      const size = 16 * 1024 * 1024;
      let written = 0;
      const writing = (async () => {
        const chunk = pattern(64 * 1024);
        while (written < size) written += await peer.write(chunk);
        await peer.closeWrite();
      })();
      await untilSteady(() => written, "the peer never had to wait");
      assert(written < size / 2, `${written} bytes were taken by nobody`);
      const got = await readAll(conn);
      await writing;
      assertEquals(got.length, written);
      conn.close();
      peer.close();
    },
  },
  {
    name: "readable and writable carry an echo and close the connection",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      const sent = pattern(500_000);
      const [got] = await Promise.all([
        readAll(peer),
        conn.readable.pipeTo(conn.writable),
        writeAll(peer, sent).then(() => peer.closeWrite()),
      ]);
      assertSameBytes(got, sent);
      assertThrows(() => conn.close(), Deno.errors.BadResource);
      peer.close();
    },
  },
  {
    name: "reading a readable to its end closes the connection",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      await peer.write(bytes("all"));
      peer.close();
      assertEquals(await new Response(conn.readable).text(), "all");
      assertThrows(() => conn.close(), Deno.errors.BadResource);
    },
  },
  {
    name: "cancelling a readable closes the connection",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = peer;
      await conn.readable.cancel();
      assertThrows(() => conn.close(), Deno.errors.BadResource);
    },
  },
  {
    name: "aborting a writable closes the connection",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = peer;
      await conn.writable.abort();
      assertThrows(() => conn.close(), Deno.errors.BadResource);
    },
  },
  {
    name: "readable and writable stay the same objects",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      using __ = peer;
      assert(conn.readable === conn.readable);
      assert(conn.writable === conn.writable);
    },
  },
  {
    name: "ref and unref may be called at any time",
    async run(listener, dial) {
      listener.unref();
      listener.ref();
      const [conn, peer] = await pair(listener, dial);
      conn.unref();
      conn.ref();
      await peer.write(bytes("x"));
      assertEquals(await readSome(conn), "x");
      conn.close();
      peer.close();
      listener.close();
      listener.unref();
      listener.ref();
    },
  },
  {
    name: "TCP connections take their socket options",
    async run(listener, dial) {
      const [conn, peer] = await pair(listener, dial);
      using _ = conn;
      using __ = peer;
      if (listener.addr.transport !== "tcp") return;
      const tcp = conn as Deno.TcpConn;
      tcp.setNoDelay();
      tcp.setNoDelay(false);
      tcp.setKeepAlive(true);
    },
  },
];

/** Waits until a number has moved and then not moved for a while. */
async function untilSteady(read: () => number, message: string): Promise<void> {
  const giveUp = performance.now() + 20_000;
  for (let before = -1, same = 0; same < 10;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    same = read() > 0 && read() === before ? same + 1 : 0;
    before = read();
    if (performance.now() > giveUp) throw new Error(message);
  }
}
