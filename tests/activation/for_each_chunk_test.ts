import { assert, assertEquals, assertRejects } from "@std/assert";
import { UNIX_ADDR } from "../../activation/_address.ts";
import { TransportConn } from "../../activation/_conn.ts";
import type { Sink, Transport } from "../../activation/_transport.ts";
import type { AdoptedConn } from "../../mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, receiveAll, send } from "../support/peer.ts";
import { Random } from "../support/random.ts";
import {
  testConn,
  TestListener,
  testListener,
} from "../support/test_listener.ts";

const { BadResource, BrokenPipe, Busy, ConnectionReset, Interrupted } =
  Deno.errors;

/** More connections than have a buffer of their own at a time. */
const MANY = 70;

const textOf = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);

const chunksSeen = (seen: unknown[], wanted: number) =>
  eventually("a chunk", () => seen.length, (count) => count === wanted);

testConn("forEachChunk after the end resolves", async (conn, peer) => {
  await peer.closeWrite();
  assertEquals(await conn.readChunk(), null);
  await soon("it resolves", conn.forEachChunk(() => assert(false)));
});

testListener("a chunk is valid until its promise settles", async (listener) => {
  const pairs = [await listener.pair(), await listener.pair()];
  const turn = Promise.withResolvers<void>();
  const seen: Uint8Array[][] = pairs.map(() => []);
  const done = pairs.map(([conn], i) =>
    conn.forEachChunk((chunk) => {
      seen[i]!.push(chunk);
      return turn.promise;
    })
  );
  const sent = pairs.map((_, i) => new Random(i).bytes(50_000));
  for (const [i, [, peer]] of pairs.entries()) await send(peer, sent[i]!);
  for (const [i, [, peer]] of pairs.entries()) {
    await chunksSeen(seen[i]!, 1);
    await send(peer, "later");
  }
  for (const [i, [chunk, ...others]] of seen.entries()) {
    assertSameBytes(chunk!, sent[i]!.subarray(0, chunk!.length));
    assertEquals(others, []);
  }
  turn.resolve();
  for (const [, peer] of pairs) await peer.closeWrite();
  await soon("both have ended", Promise.all(done));
});

testListener("a chunk in use survives its connection", async (listener) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  /** Receives two messages: the second is in memory that connections share. */
  const receiveTwo = async (text: string, then?: Promise<void>) => {
    const [conn, peer] = await listener.pair();
    const chunks: Uint8Array[] = [];
    const done = conn.forEachChunk((chunk) => {
      if (chunks.push(chunk) === 2) return then;
    });
    for (const count of [1, 2]) {
      await send(peer, text);
      await chunksSeen(chunks, count);
    }
    conn.close();
    await assertRejects(() => done, Interrupted);
    return chunks[1]!;
  };
  const held = await receiveTwo("mine", promise);
  for (let i = 0; i < 3; i++) await receiveTwo("them");
  assertEquals(textOf(held), "mine");
  resolve();
});

testListener("a valid chunk may be transferred", async (listener) => {
  for (const later of [false, true]) {
    const [conn, peer] = await listener.pair();
    const taken: string[] = [];
    const take = (chunk: Uint8Array<ArrayBuffer>) =>
      void taken.push(
        textOf(structuredClone(chunk, { transfer: [chunk.buffer] })),
      );
    const done = conn.forEachChunk((chunk) =>
      later ? Promise.resolve(chunk).then(take) : take(chunk)
    );
    const texts = ["one", "two", "six"];
    for (const [i, sent] of texts.entries()) {
      await send(peer, sent);
      await chunksSeen(taken, i + 1);
    }
    await peer.closeWrite();
    await soon("the end has come", done);
    assertEquals(taken, texts);
  }
});

testListener("70 connections receive their own bytes", async (listener) => {
  const random = new Random(3);
  const pairs: [AdoptedConn, Deno.Conn][] = [];
  while (pairs.length < MANY) pairs.push(await listener.pair());
  await Promise.all(pairs.map(async ([conn, peer]) => {
    const sent = random.bytes(100_000);
    const sending = send(peer, sent).then(() => peer.closeWrite());
    // What read() has left comes first.
    const first = new Uint8Array(2);
    await conn.write(first.subarray(0, (await conn.read(first))!));
    const echoed = conn.forEachChunk((chunk) => conn.writeChunk(chunk))
      .then(() => conn.closeWrite());
    assertSameBytes(await receiveAll(peer), sent);
    await Promise.all([echoed, sending]);
  }));
});

Deno.test("idle connections leave the shared memory to busy ones", async () => {
  using listener = await TestListener.listen("handles");
  for (let i = 0; i < MANY; i++) {
    const [silent] = await listener.pair();
    silent.forEachChunk(() => {}).catch(() => {});
  }
  const [conn, peer] = await listener.pair();
  const memory: ArrayBuffer[] = [];
  const done = conn.forEachChunk(({ buffer }) => void memory.push(buffer));
  for (let i = 1; i <= 3; i++) {
    await send(peer, "x");
    await chunksSeen(memory, i);
  }
  assert(memory[1] === memory[2], "it has no memory of its own");
  await peer.closeWrite();
  await soon("it has ended", done);
});

testConn("writeChunk waits for the peer to read", async (conn, peer) => {
  const sent = new Random(4).bytes(3_000_000);
  const sending = conn.writeChunk(sent);
  assert(sending instanceof Promise, "the kernel took three megabytes");
  const next = conn.writeChunk(Uint8Array.of(1, 2, 3));
  const received = receiveAll(peer);
  await soon("all is sent", Promise.all([sending, next]));
  await conn.closeWrite();
  const bytes = await received;
  assertSameBytes(bytes.subarray(0, sent.length), sent);
  assertEquals([...bytes.subarray(sent.length)], [1, 2, 3]);
});

class ScriptedTransport implements Transport {
  readonly localAddr = UNIX_ADDR;
  readonly remoteAddr = UNIX_ADDR;
  reading = false;
  sink!: Sink;

  receive(...texts: string[]): void {
    for (const text of texts) {
      this.sink.onChunk(new TextEncoder().encode(text));
    }
  }

  setSink = (sink: Sink) => void (this.sink = sink);
  resume = () => void (this.reading = true);
  pause = () => void (this.reading = false);
  close = this.pause;
  write = () => undefined;
  shutdown = () => Promise.resolve();
  ref = () => {};
  unref = this.ref;
  setNoDelay = this.ref;
  setKeepAlive = this.ref;
}

async function withQueued(...texts: string[]) {
  const transport = new ScriptedTransport();
  const conn = new TransportConn<Deno.UnixAddr>(transport);
  const first = conn.readChunk();
  transport.receive("first", ...texts);
  await first;
  return { conn, transport };
}

function recording(then: (text: string) => void | Promise<void>) {
  const seen: string[] = [];
  const onChunk = (chunk: Uint8Array) => {
    seen.push(textOf(chunk));
    return then(textOf(chunk));
  };
  return { seen, onChunk };
}

Deno.test("queued chunks come one by one, then new ones, then the end", async () => {
  const { conn, transport } = await withQueued("a", "b");
  const turns: (() => void)[] = [];
  const { seen, onChunk } = recording(() =>
    new Promise((resolve) => turns.push(resolve))
  );
  let hasEnded = false;
  const done = conn.forEachChunk(onChunk).then(() => hasEnded = true);
  const next = async () => {
    turns.shift()!();
    await Promise.resolve().then();
  };
  assertEquals([seen, transport.reading], [["a"], false]);
  await next();
  assertEquals([seen, transport.reading], [["a", "b"], false]);
  await next();
  assertEquals(transport.reading, true);
  transport.receive("c");
  transport.sink.onEnd();
  await Promise.resolve().then();
  assertEquals([seen, hasEnded], [["a", "b", "c"], false]);
  await next();
  await soon("it has ended", done);
});

Deno.test("a callback that throws or rejects is not called again", async () => {
  for (const throws of [false, true]) {
    for (const queued of [["a", "b"], []]) {
      const { conn, transport } = await withQueued(...queued);
      const { seen, onChunk } = recording(() => {
        if (throws) throw new TypeError("no more");
        return Promise.reject(new TypeError("no more"));
      });
      const done = conn.forEachChunk(onChunk);
      if (queued.length === 0) transport.receive("a");
      await soon("it fails", assertRejects(() => done, TypeError, "no more"));
      assertEquals([seen, transport.reading], [["a"], false]);
    }
  }
});

for (const ended of [false, true]) {
  Deno.test(`after a close within the callback it is not called again, ended: ${ended}`, async () => {
    const { conn, transport } = await withQueued("a", "b");
    if (ended) transport.sink.onEnd();
    const { seen, onChunk } = recording(() => conn.close());
    await assertRejects(() => conn.forEachChunk(onChunk), Interrupted);
    assertEquals([seen, transport.reading], [["a"], false]);
    await assertRejects(() => conn.forEachChunk(onChunk), BadResource);
  });
}

Deno.test("closing in the last chunk is no interruption; the result may be any value", async () => {
  const { conn, transport } = await withQueued("a", "b");
  transport.sink.onEnd();
  const { seen, onChunk } = recording((text) => {
    if (text === "b") conn.close();
    return 7 as unknown as void;
  });
  await soon("it has ended", conn.forEachChunk(onChunk));
  assertEquals(seen, ["a", "b"]);
});

Deno.test("a reset drops queued chunks", async () => {
  const { conn, transport } = await withQueued("a", "b");
  const turn = Promise.withResolvers<void>();
  const { seen, onChunk } = recording(() => turn.promise);
  const done = conn.forEachChunk(onChunk);
  transport.sink.onError(new ConnectionReset("reset"));
  turn.resolve();
  await assertRejects(() => done, ConnectionReset);
  await Promise.resolve().then();
  assertEquals([seen, transport.reading], [["a"], false]);
});

Deno.test("a connection has one reader", async () => {
  const { conn, transport } = await withQueued();
  const reading = conn.readChunk();
  await assertRejects(() => conn.forEachChunk(() => {}), Busy);
  transport.receive("x");
  await reading;
  const done = conn.forEachChunk(() => {});
  await assertRejects(() => conn.readChunk(), Busy);
  await assertRejects(() => conn.read(new Uint8Array(1)), Busy);
  await assertRejects(() => conn.forEachChunk(() => {}), Busy);
  transport.sink.onEnd();
  await soon("it has ended", done);
});

Deno.test("writeChunk is refused as write is", async () => {
  const { conn } = await withQueued();
  const write = async (bytes: number) =>
    await conn.writeChunk(new Uint8Array(bytes));
  assertEquals(await write(0), undefined);
  await conn.closeWrite();
  await assertRejects(() => write(1), BrokenPipe);
  conn.close();
  await assertRejects(() => write(1), BadResource);
});
