import { assert, assertEquals, assertRejects } from "@std/assert";
import { UNIX_ADDR } from "../../activation/_address.ts";
import { TransportConn } from "../../activation/_conn.ts";
import type { Sink, Transport } from "../../activation/_transport.ts";
import type { AdoptedConn } from "../../mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, receive, receiveAll, send } from "../support/peer.ts";
import { Random } from "../support/random.ts";
import {
  testConn,
  TestListener,
  testListener,
  UNIX_TRANSPORTS,
} from "../support/test_listener.ts";

/** More connections than have a buffer of their own at a time. */
const MANY = 70;

const test: typeof testConn = (name, ...rest) =>
  testConn(`forEachChunk: ${name}`, ...rest);

/** Collects copies of the chunks of a connection. */
function collect(conn: AdoptedConn) {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const done = conn.forEachChunk((chunk) => void chunks.push(chunk.slice()));
  return { chunks, done, bytes: () => new Blob(chunks).bytes() };
}

test(
  "passes every byte in order, and resolves at the end",
  async (conn, peer) => {
    const sent = new Random(1).bytes(2_000_000);
    const sending = send(peer, sent).then(() => peer.closeWrite());
    const collected = collect(conn);
    await soon("the end has come", collected.done);
    await sending;
    assertSameBytes(await collected.bytes(), sent);
  },
);

test(
  "queued bytes come first",
  async (conn, peer) => {
    await send(peer, "abcdef");
    const first = new Uint8Array(2);
    await conn.read(first);
    const collected = collect(conn);
    await send(peer, "ghi");
    await peer.closeWrite();
    await soon("the end has come", collected.done);
    assertEquals(
      new TextDecoder().decode(await collected.bytes()),
      "cdefghi",
    );
  },
);

test(
  "after the end it resolves at once",
  async (conn, peer) => {
    await peer.closeWrite();
    assertEquals(await conn.readChunk(), null);
    await soon("the end is known", collect(conn).done);
  },
);

testListener(
  "forEachChunk: while its promise is pending, a chunk is unchanged and no other comes",
  async (listener) => {
    const pairs = [await listener.pair(), await listener.pair()];
    const turns = pairs.map(() => Promise.withResolvers<void>());
    const seen: Uint8Array[][] = pairs.map(() => []);
    const done = pairs.map(([conn], i) =>
      conn.forEachChunk((chunk) => {
        seen[i]!.push(chunk);
        return turns[i]!.promise;
      })
    );
    const random = new Random(2);
    const sent = pairs.map(() => random.bytes(50_000));
    for (const [i, [, peer]] of pairs.entries()) await send(peer, sent[i]!);
    for (const [i, chunks] of seen.entries()) {
      await eventually("a chunk", () => chunks.length, (count) => count === 1);
      await send(pairs[i]![1], "later");
    }
    for (const [i, [chunk]] of seen.entries()) {
      assertSameBytes(chunk!, sent[i]!.subarray(0, chunk!.length));
      assertEquals(seen[i]!.length, 1);
    }
    for (const [i, [, peer]] of pairs.entries()) {
      turns[i]!.resolve();
      await peer.closeWrite();
    }
    await soon("both have ended", Promise.all(done));
  },
);

testListener(
  "forEachChunk: a chunk in use is not reused when its connection closes",
  async (listener) => {
    const [conn, peer] = await listener.pair();
    let held: Uint8Array | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const closed = assertRejects(
      () =>
        conn.forEachChunk((chunk) => {
          held = chunk;
          return promise;
        }),
      Deno.errors.Interrupted,
    );
    await send(peer, "mine");
    await eventually("a chunk", () => held, (chunk) => chunk !== undefined);
    conn.close();
    await closed;
    for (let i = 0; i < 3; i++) {
      const [next, nextPeer] = await listener.pair();
      const collected = collect(next);
      await send(nextPeer, "theirs");
      await nextPeer.closeWrite();
      await soon("the next one has ended", collected.done);
    }
    assertEquals(new TextDecoder().decode(held), "mine");
    resolve();
  },
);

testListener(
  "forEachChunk: a chunk may be transferred while it is valid",
  async (listener) => {
    for (const later of [false, true]) {
      const [conn, peer] = await listener.pair();
      const taken: Uint8Array[] = [];
      const take = (chunk: Uint8Array<ArrayBuffer>) =>
        void taken.push(structuredClone(chunk, { transfer: [chunk.buffer] }));
      const done = conn.forEachChunk((chunk) =>
        later ? Promise.resolve(chunk).then(take) : take(chunk)
      );
      for (const sent of ["one", "two", "six"]) {
        await send(peer, sent);
        const last = await eventually(
          "a chunk",
          () => taken.at(-1),
          (chunk) =>
            chunk !== undefined && new TextDecoder().decode(chunk) === sent,
        );
        assertEquals(last?.length, 3);
      }
      await peer.closeWrite();
      await soon("the end has come", done);
      assertEquals(
        taken.map((chunk) => new TextDecoder().decode(chunk)),
        ["one", "two", "six"],
      );
      conn.close();
    }
  },
);

testListener(
  "forEachChunk: 70 connections at a time receive their own bytes",
  async (listener) => {
    const random = new Random(3);
    const pairs: [AdoptedConn, Deno.Conn][] = [];
    while (pairs.length < MANY) pairs.push(await listener.pair());
    await Promise.all(pairs.map(async ([conn, peer]) => {
      const sent = random.bytes(100_000);
      const echoed = conn.forEachChunk((chunk) => conn.writeChunk(chunk))
        .then(() => conn.closeWrite());
      const sending = send(peer, sent).then(() => peer.closeWrite());
      assertSameBytes(await receiveAll(peer), sent);
      await Promise.all([echoed, sending]);
    }));
  },
);

Deno.test("forEachChunk: idle connections leave the shared memory to busy ones", async () => {
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
    await eventually("a chunk", () => memory.length, (count) => count === i);
  }
  assert(memory[1] === memory[2], "it has no memory of its own");
  await peer.closeWrite();
  await soon("it has ended", done);
});

const FAILURES: [how: string, fail: () => Promise<void>][] = [
  ["throws", () => {
    throw new TypeError("no more");
  }],
  ["rejects", () => Promise.reject(new TypeError("no more"))],
];
for (const [how, fail] of FAILURES) {
  test(
    `a callback that ${how} ends it, and reading stops`,
    async (conn, peer) => {
      let calls = 0;
      const done = conn.forEachChunk(() => {
        calls += 1;
        return fail();
      });
      await send(peer, "one");
      await soon("it fails", assertRejects(() => done, TypeError, "no more"));
      await send(peer, "two");
      await conn.write(new TextEncoder().encode("still here"));
      assertEquals(
        new TextDecoder().decode(await receive(peer, 10)),
        "still here",
      );
      assertEquals(calls, 1);
    },
  );
}

test("the end waits for the callback", async (conn, peer) => {
  const turn = Promise.withResolvers<void>();
  let ended = false;
  let called = false;
  const done = conn.forEachChunk(() => {
    called = true;
    return turn.promise;
  }).then(() => ended = true);
  await send(peer, "x");
  await peer.closeWrite();
  await eventually("a chunk", () => called, Boolean);
  assert(!ended);
  turn.resolve();
  await soon("it has ended", done);
});

test("close interrupts it", async (closed) => {
  const interrupted = assertRejects(
    () => closed.forEachChunk(() => {}),
    Deno.errors.Interrupted,
  );
  closed.close();
  await soon("it is interrupted", interrupted);
  await assertRejects(
    () => closed.forEachChunk(() => {}),
    Deno.errors.BadResource,
  );
});

test(
  "a reset is Deno's ConnectionReset",
  async (reset, peer) => {
    const rejected = assertRejects(
      () => reset.forEachChunk(() => {}),
      Deno.errors.ConnectionReset,
    );
    // A unix socket that is closed with unread input resets its peer.
    await reset.write(new Uint8Array(1));
    peer.close();
    await soon("it rejects", rejected);
    await assertRejects(
      () => reset.forEachChunk(() => {}),
      Deno.errors.Busy,
    );
  },
  UNIX_TRANSPORTS,
);

test("a connection has one reader", async (conn, peer) => {
  const reading = conn.readChunk();
  await assertRejects(() => conn.forEachChunk(() => {}), Deno.errors.Busy);
  await send(peer, "x");
  await soon("the first reader is served", reading);
  const done = conn.forEachChunk(() => {});
  for (
    const read of [
      () => conn.readChunk(),
      () => conn.read(new Uint8Array(1)),
      () => conn.forEachChunk(() => {}),
    ]
  ) await assertRejects(read, Deno.errors.Busy);
  await peer.closeWrite();
  await soon("it has ended", done);
});

test(
  "writeChunk waits for a peer that does not read, and loses nothing",
  async (conn, peer) => {
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
  },
);

test("writeChunk is refused as write is", async (conn) => {
  assertEquals(conn.writeChunk(new Uint8Array(0)), undefined);
  await conn.closeWrite();
  await assertRejects(
    async () => await conn.writeChunk(new Uint8Array(1)),
    Deno.errors.BrokenPipe,
  );
  conn.close();
  await assertRejects(
    async () => await conn.writeChunk(new Uint8Array(1)),
    Deno.errors.BadResource,
  );
});

/** Receives on command. */
class ScriptedTransport implements Transport {
  readonly localAddr = UNIX_ADDR;
  readonly remoteAddr = UNIX_ADDR;
  reading = false;
  sink: Sink | undefined;

  receive(text: string): void {
    this.sink!.onChunk(new TextEncoder().encode(text));
  }

  setSink(sink: Sink): void {
    this.sink = sink;
  }

  resume(): void {
    this.reading = true;
  }

  pause(): void {
    this.reading = false;
  }

  close(): void {
    this.reading = false;
  }

  write(): undefined {}
  shutdown = () => Promise.resolve();
  ref(): void {}
  unref(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
}

/** Returns a connection with these chunks in its queue. */
async function withQueued(
  ...texts: string[]
): Promise<[TransportConn<Deno.UnixAddr>, ScriptedTransport]> {
  const transport = new ScriptedTransport();
  const conn = new TransportConn<Deno.UnixAddr>(transport);
  const first = conn.readChunk();
  for (const text of ["first", ...texts]) transport.receive(text);
  await first;
  return [conn, transport];
}

/** A callback that records each chunk, then calls `then`. */
function recording(then: (text: string) => void | Promise<void> = () => {}) {
  const seen: string[] = [];
  const onChunk = (chunk: Uint8Array): void | Promise<void> => {
    const text = new TextDecoder().decode(chunk);
    seen.push(text);
    return then(text);
  };
  return { seen, onChunk };
}

Deno.test("forEachChunk: yields queued chunks one by one, then new ones", async () => {
  const [conn, transport] = await withQueued("a", "b", "c");
  const turns: (() => void)[] = [];
  const { seen, onChunk } = recording(() =>
    new Promise((resolve) => turns.push(resolve))
  );
  const done = conn.forEachChunk(onChunk);
  for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    assertEquals(seen, expected);
    assertEquals(transport.reading, false);
    turns.shift()!();
    await Promise.resolve().then();
  }
  assertEquals(transport.reading, true);
  transport.sink!.onEnd();
  await soon("it has ended", done);
});

for (const [how, fail] of FAILURES) {
  Deno.test(`forEachChunk: a callback that ${how} on a queued chunk is not called again`, async () => {
    const [conn, transport] = await withQueued("a", "b");
    const { seen, onChunk } = recording(fail);
    await soon(
      "it fails",
      assertRejects(() => conn.forEachChunk(onChunk), TypeError, "no more"),
    );
    assertEquals(seen, ["a"]);
    assertEquals(transport.reading, false);
  });
}

for (const ended of [false, true]) {
  Deno.test(
    `forEachChunk: after a close within the callback it is not called again, ${
      ended ? "also after the end" : "before the end"
    }`,
    async () => {
      const [conn, transport] = await withQueued("a", "b");
      if (ended) transport.sink!.onEnd();
      const { seen, onChunk } = recording(() => conn.close());
      await soon(
        "it is interrupted",
        assertRejects(
          () => conn.forEachChunk(onChunk),
          Deno.errors.Interrupted,
        ),
      );
      assertEquals(seen, ["a"]);
      assertEquals(transport.reading, false);
    },
  );
}

Deno.test("forEachChunk: closing in the last chunk is no interruption", async () => {
  const [conn, transport] = await withQueued("a", "b");
  transport.sink!.onEnd();
  const { seen, onChunk } = recording((text) => {
    if (text === "b") conn.close();
  });
  await soon("it has ended", conn.forEachChunk(onChunk));
  assertEquals(seen, ["a", "b"]);
});

Deno.test("forEachChunk: a reset drops queued chunks", async () => {
  const [conn, transport] = await withQueued("a", "b");
  const turn = Promise.withResolvers<void>();
  const { seen, onChunk } = recording(() => turn.promise);
  const done = assertRejects(
    () => conn.forEachChunk(onChunk),
    Deno.errors.ConnectionReset,
  );
  transport.sink!.onError(new Deno.errors.ConnectionReset("reset"));
  turn.resolve();
  await soon("it fails", done);
  await Promise.resolve().then();
  assertEquals(seen, ["a"]);
  assertEquals(transport.reading, false);
});

Deno.test("forEachChunk: the result of a callback may be any value", async () => {
  const [conn, transport] = await withQueued("a", "b");
  const { seen, onChunk } = recording(() => 7 as unknown as void);
  const done = conn.forEachChunk(onChunk);
  transport.sink!.onEnd();
  await soon("it has ended", done);
  assertEquals(seen, ["a", "b"]);
});
