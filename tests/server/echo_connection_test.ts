import { assert, assertEquals, assertRejects } from "@std/assert";
import type { InheritedConn } from "../../mod.ts";
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
import { OwnListener } from "../activation/own_listener.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const nothing = () => {};

/** A connection that is being served, and its peer. */
async function served(listener: OwnListener, onChunk = nothing) {
  const [conn, peer] = await listener.pair();
  const echo = new EchoConnection(conn);
  const done = echo.serve(onChunk);
  // Not every test looks at how it ended.
  done.catch(nothing);
  return { echo, peer, done };
}

Deno.test("echo: every byte comes back, in order", async () => {
  using listener = await OwnListener.listen();
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

Deno.test("echo: a peer that sends nothing gets nothing, and an end", async () => {
  using listener = await OwnListener.listen();
  const { peer, done } = await served(listener);
  await peer.closeWrite();
  assertEquals(await receiveAllText(peer), "");
  await soon("the connection is served to its end", done);
});

Deno.test("echo: a peer that half-closes still gets the rest", async () => {
  using listener = await OwnListener.listen();
  const { peer } = await served(listener);
  const sent = new Random(2).bytes(150_000);
  await send(peer, sent);
  await peer.closeWrite();
  assertSameBytes(await receiveAll(peer), sent);
});

Deno.test("echo: each chunk is told before it is sent back", async () => {
  const events: string[] = [];
  const chunks = ["a", "b\n", "c"];
  const conn = scripted({
    readChunk: () => {
      const chunk = chunks.shift();
      return Promise.resolve(chunk === undefined ? null : bytes(chunk));
    },
    write: (data) => {
      events.push(`write ${text(data)}`);
      return Promise.resolve(data.length);
    },
    closeWrite: () => {
      events.push("end");
      return Promise.resolve();
    },
    dispose: () => events.push("close"),
  });
  await new EchoConnection(conn).serve((chunk) => {
    events.push(`told ${text(chunk)}`);
  });
  assertEquals(events, [
    "told a",
    "write a",
    "told b\n",
    "write b\n",
    "told c",
    "write c",
    "end",
    "close",
  ]);
});

Deno.test("echo: no chunk is read while the one before is not taken", async () => {
  const taken = Promise.withResolvers<number>();
  let reads = 0;
  const conn = scripted({
    readChunk: () => Promise.resolve(reads++ === 0 ? bytes("x") : null),
    write: () => taken.promise,
  });
  const done = new EchoConnection(conn).serve(nothing);
  // All that can go on without the peer has gone on after a turn.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(reads, 1);
  taken.resolve(1);
  await done;
  assertEquals(reads, 2);
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
    using listener = await OwnListener.listen();
    const { peer, done } = await served(listener);
    for (const packet of packets) {
      assertEquals(await echoOf(peer, packet), packet);
    }
    assertEquals(await receiveAllText(peer), "");
    peer.close();
    await soon("the connection is served to its end", done);
  });
}

Deno.test("echo: nothing that comes after the chunk with close goes back", async () => {
  using listener = await OwnListener.listen();
  const { peer } = await served(listener);
  assertEquals(await echoOf(peer, "close\n"), "close\n");
  await send(peer, "more").catch(nothing);
  assertEquals(await receiveAllText(peer), "");
});

Deno.test("echo: nothing that comes after the chunk with close is told", async () => {
  const chunks = ["1", "close", "forged"];
  const told: string[] = [];
  const conn = scripted({
    readChunk: () => {
      const chunk = chunks.shift();
      return Promise.resolve(chunk === undefined ? null : bytes(chunk));
    },
  });
  await new EchoConnection(conn).serve((chunk) => {
    told.push(text(chunk));
  });
  assertEquals(told, ["1", "close"]);
});

Deno.test("echo: input behind close does not take the echo back", async () => {
  using listener = await OwnListener.listen();
  const { peer } = await served(listener);
  const before = new Random(3).bytes(100_000);
  const sending = (async () => {
    await send(peer, before);
    await send(peer, "close");
    // The server goes on reading, for this is what would reset the peer.
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

Deno.test("echo: a peer that never closes is let go after close", async () => {
  using listener = await OwnListener.listen();
  const { peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "close"), "close");
  await soon(
    "the server closes a connection that its peer keeps open",
    done.catch(nothing),
    { within: 5_000 },
  );
  await assertRejects(() => send(peer, "x"), Deno.errors.BrokenPipe);
});

Deno.test("echo: a peer that never stops sending is let go after close", async () => {
  using listener = await OwnListener.listen();
  const { peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "close"), "close");
  const flood = (async () => {
    for (;;) await send(peer, new Uint8Array(10_000));
  })().catch(nothing);
  await soon("the server closes a connection that floods", done.catch(nothing));
  await soon("the flood ends in an error", flood);
});

Deno.test("echo: a peer that resets ends its connection, which is closed", async () => {
  using listener = await OwnListener.listen();
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
  let closed = 0;
  const conn = scripted({
    readChunk: () => Promise.resolve(bytes("x")),
    write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
    dispose: () => closed++,
  });
  await assertRejects(
    () => new EchoConnection(conn).serve(nothing),
    Deno.errors.BrokenPipe,
  );
  assertEquals(closed > 0, true);
});

Deno.test("drain: a silent connection is ended from our side", async () => {
  using listener = await OwnListener.listen();
  const { echo, peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "before"), "before");
  echo.drain();
  assertEquals(await receiveAllText(peer), "");
  peer.close();
  await soon("the connection is served to its end", done);
});

Deno.test("drain: what has been received is echoed first", async () => {
  using listener = await OwnListener.listen();
  const { echo, peer } = await served(listener);
  const sent = new Random(4).bytes(50_000);
  await send(peer, sent);
  echo.drain();
  assertSameBytes(await receiveAll(peer), sent);
});

Deno.test("drain: what keeps coming is echoed until nothing comes", async () => {
  const echoed: string[] = [];
  const chunks = Array.from({ length: 20 }, (_, i) => `${i}`);
  const conn = scripted({
    readChunk: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const chunk = chunks[echoed.length];
      return chunk === undefined ? null : bytes(chunk);
    },
    write: (data) => {
      echoed.push(text(data));
      return Promise.resolve(data.length);
    },
  });
  const echo = new EchoConnection(conn);
  const done = echo.serve(nothing);
  await soon("the connection is drained", echo.drain());
  await soon("the connection is served to its end", done);
  assertEquals(echoed, chunks);
});

Deno.test("drain: a peer that reads late still gets all of its echo", async () => {
  using listener = await OwnListener.listen();
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
  const writing = Promise.withResolvers<number>();
  let ended = false;
  const conn = scripted({
    readChunk: () => Promise.resolve(bytes("x")),
    write: () => writing.promise,
    closeWrite: () => {
      ended = true;
      return Promise.resolve();
    },
    dispose: () => writing.reject(new Deno.errors.Interrupted("closed")),
  });
  const echo = new EchoConnection(conn);
  const done = echo.serve(nothing);
  let drained = false;
  const draining = echo.drain().then(() => drained = true);
  // Long enough to take the connection for quiet, were it not for the write.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals({ drained, ended }, { drained: false, ended: false });
  echo.close();
  await assertRejects(() => done, Deno.errors.Interrupted);
  await soon("draining ends with the connection", draining);
});

Deno.test("close: ends at once what is being served", async () => {
  using listener = await OwnListener.listen();
  const { echo, peer, done } = await served(listener);
  assertEquals(await echoOf(peer, "x"), "x");
  echo.close();
  echo.close();
  await soon("serving ends", done.catch(nothing));
  assertEquals(await receiveAllText(peer), "");
});

interface Script {
  readChunk: () => Promise<Uint8Array<ArrayBuffer> | null>;
  write: (data: Uint8Array) => Promise<number>;
  closeWrite: () => Promise<void>;
  dispose: () => void;
}

/** A connection that does what the test says. */
function scripted(script: Partial<Script>): InheritedConn {
  const conn = {
    readChunk: () => Promise.resolve(null),
    write: (data: Uint8Array) => Promise.resolve(data.length),
    closeWrite: () => Promise.resolve(),
    ...script,
    [Symbol.dispose]: script.dispose ?? nothing,
  };
  return conn as unknown as InheritedConn;
}
