import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  bench,
  type BenchOptions,
  type BenchResult,
} from "../../client/bench.ts";
import { ClientError } from "../../client/client_error.ts";
import { CloseWord } from "../../cli/close_word.ts";
import { soon } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { echo, silence, withPeer } from "./peers.ts";

const QUICK: BenchOptions = {
  addressText: "/run/job.socket",
  // Tests end it themselves, unless they test the time.
  durationMs: 60_000,
  sizeBytes: 64,
  pipeline: 1,
  timeoutMs: 5_000,
};

/** Returns the result, or the message of the error that ended the measurement. */
async function measured(
  script: (conn: Deno.Conn) => Promise<unknown>,
  options: Partial<BenchOptions> = {},
): Promise<{ result?: BenchResult; failure?: string }> {
  let outcome = {};
  await withPeer(script, async (conn) => {
    try {
      const result = await soon(
        "the measurement has ended",
        bench([conn], { ...QUICK, ...options }),
      );
      outcome = { result };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      outcome = { failure: error.message };
    }
  });
  return outcome;
}

/** Echoes the function's result for the bytes and their offset. */
function changing(
  change: (bytes: Uint8Array, offset: number) => Uint8Array,
): (conn: Deno.Conn) => Promise<void> {
  return async (conn) => {
    const buffer = new Uint8Array(64 * 1024);
    let offset = 0;
    for (let count; (count = await conn.read(buffer)) !== null;) {
      await send(conn, change(buffer.subarray(0, count), offset));
      offset += count;
    }
    await conn.closeWrite();
  };
}

const LOADS: [sizeBytes: number, pipeline: number][] = [
  [1, 1],
  [1, 1_000],
  [2, 3],
  [64, 1],
  [64, 16],
  [65_537, 1],
  [1_000_000, 4],
];
for (const [sizeBytes, pipeline] of LOADS) {
  Deno.test(`bench: ${pipeline} pipelined messages of ${sizeBytes} bytes are echoed`, async () => {
    let sent = 0;
    let returned = 0;
    let ended = false;
    const closeWord = new CloseWord();
    let saidClose = false;
    const enough = new AbortController();
    const { result, failure } = await measured(async (conn) => {
      await changing((bytes) => {
        sent += bytes.length;
        saidClose ||= closeWord.completedBy(bytes);
        if (sent > 5 * sizeBytes * pipeline) enough.abort();
        return bytes;
      })(conn);
      returned = sent;
      ended = true;
    }, { sizeBytes, pipeline, signal: enough.signal });
    assertEquals(failure, undefined);
    const { latencies, bytes, connections } = result!;
    assertEquals(connections, 1);
    assertEquals(latencies.count, Math.floor(bytes / sizeBytes));
    assert(latencies.count > 0);
    assertEquals({ ended, saidClose }, { ended: true, saidClose: false });
    // Messages that were begun are completed.
    assertEquals(returned % sizeBytes, 0);
    assert(returned - bytes <= pipeline * sizeBytes);
  });
}

Deno.test("bench: at most --pipeline messages are in flight", async () => {
  const sizeBytes = 1_000;
  const pipeline = 5;
  let most = 0;
  let rounds = 0;
  const { failure } = await measured(async (conn) => {
    const buffer = new Uint8Array(sizeBytes * pipeline + 1);
    for (let held = 0;;) {
      const count = await conn.read(buffer.subarray(held));
      if (count === null) return;
      held += count;
      most = Math.max(most, held);
      // One message stays unanswered: four replies release four messages.
      if (held < sizeBytes * pipeline) continue;
      await send(conn, buffer.subarray(0, 4 * sizeBytes));
      buffer.copyWithin(0, 4 * sizeBytes, held);
      held -= 4 * sizeBytes;
      if (++rounds === 20) return conn.close();
    }
  }, { sizeBytes, pipeline });
  assertEquals(most, sizeBytes * pipeline);
  assertMatch(failure ?? "", /^Lost the connection to /);
});

Deno.test("bench: the latency of a slow reply is measured", async () => {
  const { result } = await measured(async (conn) => {
    const buffer = new Uint8Array(64);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await send(conn, buffer.subarray(0, count));
    }
    await conn.closeWrite();
  }, { durationMs: 400 });
  const { latencies, elapsedMs, interrupted } = result!;
  assert(elapsedMs >= 399 && !interrupted, `${elapsedMs} ms`);
  assert(latencies.percentileMs(0) > 25, `${latencies.percentileMs(0)} ms`);
  assert(latencies.count <= elapsedMs / 25, `${latencies.count}`);
});

Deno.test("bench: a changed byte is reported with its offset", async () => {
  const { failure } = await measured(changing((bytes, offset) => {
    if (offset > 1_000) bytes[3]! ^= 1;
    return bytes;
  }));
  // The first message that begins behind the 1,000th byte.
  assertEquals(
    failure,
    'Wrong echo from "/run/job.socket": on connection 1, the byte at offset 1027 is not the one sent',
  );
});

const SCRAMBLED: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  "too much": (bytes) => Uint8Array.of(...bytes, ...bytes),
  "another message again": (() => {
    let first: Uint8Array | undefined;
    return (bytes) => first ??= bytes.slice();
  })(),
};
for (const [how, change] of Object.entries(SCRAMBLED)) {
  Deno.test(`bench: ${how} is reported`, async () => {
    const { failure } = await measured(changing(change));
    assertMatch(failure ?? "", /^Wrong echo from "\/run\/job\.socket": /);
  });
}

Deno.test("bench: surplus bytes are reported, even if they match", async () => {
  // With one byte a message, all messages are the same.
  const { failure } = await measured(
    changing((bytes) => Uint8Array.of(...bytes, 0x0a)),
    { sizeBytes: 1 },
  );
  assertEquals(
    failure,
    'Wrong echo from "/run/job.socket": on connection 1, more than the 1 bytes sent came back',
  );
});

Deno.test("bench: half-closes after the last echo, and reads until EOF", async () => {
  const { failure } = await measured(async (conn) => {
    await changing((bytes) => bytes)({
      read: (buffer: Uint8Array) => conn.read(buffer),
      write: (bytes: Uint8Array) => conn.write(bytes),
      closeWrite: () => Promise.resolve(),
    } as Deno.Conn);
    // The client has half-closed, and still receives this.
    await send(conn, "x");
  }, { durationMs: 100 });
  assertMatch(failure ?? "", /^Wrong echo from .* more than the \d+ bytes/);
});

Deno.test("bench: a silent server times out", async () => {
  const { failure } = await measured(silence, {
    timeoutMs: 100,
  });
  assertEquals(
    failure,
    'No reply from "/run/job.socket" within 100 ms: connection 1 got 0 of 64 bytes back; use a longer --timeout',
  );
});

Deno.test("bench: a server that stops replying times out, also after the duration", async () => {
  const { failure } = await measured(async (conn) => {
    const buffer = new Uint8Array(64);
    await conn.read(buffer);
    await send(conn, buffer.subarray(0, 10));
    await silence(conn);
  }, { timeoutMs: 300, durationMs: 50 });
  assertEquals(
    failure,
    'No reply from "/run/job.socket" within 300 ms: connection 1 got 10 of 64 bytes back; use a longer --timeout',
  );
});

Deno.test("bench: a server that reads nothing times out", async () => {
  const { failure } = await measured(
    (conn) => {
      // Both directions are full; closing lets the script end.
      return new Promise((resolve) => setTimeout(resolve, 600)).then(() =>
        conn
      );
    },
    { timeoutMs: 100, sizeBytes: 10_000_000 },
  );
  assertMatch(failure ?? "", /^No reply from .* connection 1 got 0 of \d+ /);
});

Deno.test("bench: a lost connection is reported with the progress", async () => {
  const { failure } = await measured(async (conn) => {
    const buffer = new Uint8Array(64);
    for (let i = 0; i < 3; i++) {
      const count = await conn.read(buffer);
      await send(conn, buffer.subarray(0, count!));
    }
    await conn.closeWrite();
  });
  assertEquals(
    failure,
    'Lost the connection to "/run/job.socket": the server closed it; connection 1 got 192 of 256 bytes back',
  );
});

Deno.test("bench: an early end reports the figures so far", async () => {
  const interrupt = new AbortController();
  let echoed = 0;
  const { result } = await measured(
    changing((bytes) => {
      if (++echoed === 10) interrupt.abort();
      return bytes;
    }),
    { signal: interrupt.signal },
  );
  assertEquals(result!.interrupted, true);
  assert(result!.elapsedMs < 10_000);
  assertEquals(result!.latencies.count, 9);
});

Deno.test("bench: it can be ended before it begins", async () => {
  const { result } = await measured(echo, { signal: AbortSignal.abort() });
  assertEquals(result!.interrupted, true);
  assertEquals(result!.latencies.count, 0);
});

Deno.test("bench: progress is reported", async () => {
  const told: { elapsedMs: number; messages: number }[] = [];
  const enough = new AbortController();
  await measured(echo, {
    signal: enough.signal,
    onProgress: (sofar) => {
      if (told.push(sofar) === 2) enough.abort();
    },
  });
  assertEquals(told.length, 2);
  const [first, second] = told;
  assert(first!.messages > 0 && second!.messages > first!.messages);
  assert(first!.elapsedMs >= 495 && second!.elapsedMs > first!.elapsedMs);
});

Deno.test("bench: a server that does not close delays the end by a second", async () => {
  const start = performance.now();
  const { result, failure } = await measured(async (conn) => {
    await changing((bytes) => bytes)({
      read: (buffer: Uint8Array) => conn.read(buffer),
      write: (bytes: Uint8Array) => conn.write(bytes),
      closeWrite: () => Promise.resolve(),
    } as Deno.Conn);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }, { durationMs: 100 });
  assertEquals(failure, undefined);
  assertEquals(result!.interrupted, false);
  assert(performance.now() - start < 8_000);
});
