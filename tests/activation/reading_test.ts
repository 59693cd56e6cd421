import { assertEquals, assertRejects } from "@std/assert";
import { AdoptedConn } from "../../activation/_conn.ts";
import { UNIX_ADDR } from "../../activation/_address.ts";
import type { Sink, Transport } from "../../activation/_transport.ts";
import { soon } from "../support/eventually.ts";

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
): Promise<[AdoptedConn<Deno.UnixAddr>, ScriptedTransport]> {
  const transport = new ScriptedTransport();
  const conn = new AdoptedConn<Deno.UnixAddr>(transport);
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

for (
  const [how, fail] of [
    ["throws", () => {
      throw new TypeError("no more");
    }],
    ["rejects", () => Promise.reject(new TypeError("no more"))],
  ] as const
) {
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

Deno.test("forEachChunk: a callback may return something that is no promise", async () => {
  const [conn, transport] = await withQueued("a", "b");
  const { seen, onChunk } = recording(() => 7 as unknown as void);
  const done = conn.forEachChunk(onChunk);
  transport.sink!.onEnd();
  await soon("it has ended", done);
  assertEquals(seen, ["a", "b"]);
});
