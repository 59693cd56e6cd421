import { assert, assertEquals, assertMatch } from "@std/assert";
import { CloseWord } from "../../cli/close_word.ts";
import {
  bench,
  type BenchOptions,
  type BenchResult,
} from "../../client/bench.ts";
import { receive, receiveAll, send } from "../support/peer.ts";
import { echo, failureOf, type Peer, replying } from "./peers.ts";

const QUICK: BenchOptions = {
  addressText: "/s",
  durationMs: 60_000,
  sizeBytes: 64,
  pipeline: 1,
  timeoutMs: 5_000,
};

/** Returns the result, or the message of the error that ended the measurement. */
async function measured(peer: Peer, options: Partial<BenchOptions> = {}) {
  let result!: BenchResult;
  const failure = await failureOf(peer, async (conn) => {
    result = await bench([conn], { ...QUICK, ...options });
  });
  return { result, failure };
}

const SIZES = [[1, 1], [1, 1_000], [2, 3], [64, 16], [65_537, 1], [1e6, 4]];
for (const [sizeBytes, pipeline] of SIZES as [number, number][]) {
  Deno.test(`bench: ${pipeline} pipelined messages of ${sizeBytes} bytes are echoed`, async () => {
    let returned = 0;
    const closeWord = new CloseWord();
    const enough = new AbortController();
    const peer = replying((packet) => {
      returned += packet.length;
      assertEquals(closeWord.completedBy(packet), false);
      if (returned > 5 * sizeBytes * pipeline) enough.abort();
      return packet;
    });
    const options = { sizeBytes, pipeline, signal: enough.signal };
    const { result, failure } = await measured(peer, options);
    const { latencies, bytes, connections } = result;
    assertEquals([failure, connections], ["", 1]);
    assert(latencies.count > 0);
    assertEquals(latencies.count, Math.floor(bytes / sizeBytes));
    // Messages that were begun are completed.
    assertEquals(returned % sizeBytes, 0);
    assert(returned - bytes <= pipeline * sizeBytes);
  });
}

Deno.test("bench: at most --pipeline messages are in flight", async () => {
  const held: number[] = [];
  const { failure } = await measured(async (conn) => {
    const buffer = new Uint8Array(6_000);
    for (let length = 0, round = 0; round < 20; round++, length -= 4_000) {
      while (length < 5_000) {
        length += (await conn.read(buffer.subarray(length)))!;
      }
      held.push(length);
      // One message stays unanswered: four replies release four messages.
      await send(conn, buffer.subarray(0, 4_000));
      buffer.copyWithin(0, 4_000, length);
    }
    conn.close();
  }, { sizeBytes: 1_000, pipeline: 5 });
  assertEquals(held, Array(20).fill(5_000));
  assertMatch(failure, /^Lost the connection to /);
});

Deno.test("bench: the latency of a slow reply is measured", async () => {
  const enough = new AbortController();
  let replies = 0;
  const { result: { latencies, elapsedMs } } = await measured(
    replying(async (packet) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (++replies === 10) enough.abort();
      return packet;
    }),
    { signal: enough.signal },
  );
  assertEquals(latencies.count, 9);
  assert(latencies.percentileMs(0) > 25, `${latencies.percentileMs(0)} ms`);
  assert(latencies.count <= elapsedMs / 25, `${latencies.count}`);
});

const WRONG = 'Wrong echo from "/s": on connection 1, ';

const FAILURES: [
  ...[what: string, peer: Peer, options: Partial<BenchOptions>],
  failure: string | RegExp,
][] = [
  [
    "a changed byte",
    async (conn) => {
      await send(conn, await receive(conn, 640));
      const bytes = await receive(conn, 64);
      bytes[3]! ^= 1;
      await send(conn, bytes);
    },
    { pipeline: 10 },
    `${WRONG}the byte at offset 643 is not the one sent`,
  ],
  [
    // With one byte a message, all messages are the same.
    "surplus bytes that match",
    replying((packet) => Uint8Array.of(...packet, 0x0a)),
    { sizeBytes: 1 },
    `${WRONG}more than the 1 bytes sent came back`,
  ],
  [
    "more after the half-close",
    replying((packet) => packet, (conn) => send(conn, "x")),
    { durationMs: 100 },
    /^Wrong echo from .* more than the \d+ bytes/,
  ],
  [
    "silence after part of a reply, also after the duration",
    async (conn) => {
      await send(conn, await receive(conn, 10));
      await receiveAll(conn);
    },
    { timeoutMs: 300, durationMs: 50 },
    'No reply from "/s" within 300 ms: connection 1 got 10 of 64 bytes back; use a longer --timeout',
  ],
  [
    "a peer that reads nothing",
    () => Promise.resolve(),
    { timeoutMs: 100, sizeBytes: 10_000_000 },
    /^No reply from .* connection 1 got 0 of \d+ /,
  ],
  [
    "a lost connection",
    async (conn) => {
      for (let i = 0; i < 3; i++) await send(conn, await receive(conn, 64));
      await receive(conn, 64);
      await conn.closeWrite();
    },
    {},
    'Lost the connection to "/s": the server closed it; connection 1 got 192 of 256 bytes back',
  ],
];

for (const [what, peer, options, expected] of FAILURES) {
  Deno.test(`bench: ${what} is reported`, async () => {
    const { failure } = await measured(peer, options);
    if (typeof expected === "string") assertEquals(failure, expected);
    else assertMatch(failure, expected);
  });
}

Deno.test(
  "bench: an early end, also before it begins, reports the figures so far",
  { sanitizeOps: true },
  async () => {
    const interrupt = new AbortController();
    let echoed = 0;
    const { result } = await measured(
      replying((packet) => {
        if (++echoed === 10) interrupt.abort();
        return packet;
      }),
      { signal: interrupt.signal },
    );
    assert(result.interrupted && result.elapsedMs < 10_000);
    assertEquals(result.latencies.count, 9);
    const none = await measured(echo, { signal: interrupt.signal });
    assertEquals(none.result.interrupted, true);
    assertEquals(none.result.latencies.count, 0);
  },
);

Deno.test("bench: progress is reported", async () => {
  const reports: { elapsedMs: number; messages: number }[] = [];
  const enough = new AbortController();
  await measured(echo, {
    signal: enough.signal,
    onProgress: (report) => {
      if (reports.push(report) === 2) enough.abort();
    },
  });
  const [first, second] = reports;
  assert(first!.messages > 0 && second!.messages > first!.messages);
  assert(first!.elapsedMs >= 495 && second!.elapsedMs > first!.elapsedMs);
});

Deno.test("bench: a server that does not close delays the end by a second", async () => {
  const { result, failure } = await measured(
    replying((packet) => packet, () => Promise.resolve()),
    { durationMs: 100 },
  );
  assertEquals([failure, result.interrupted], ["", false]);
  assert(result.elapsedMs >= 99, `${result.elapsedMs} ms`);
});
