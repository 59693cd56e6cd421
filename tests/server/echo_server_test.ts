import { assertEquals, assertRejects } from "@std/assert";
import type { InheritedConn, InheritedListener } from "../../mod.ts";
import {
  EchoServer,
  type EchoServerOptions,
} from "../../server/echo_server.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { TestListener } from "../support/test_listener.ts";

const nothing = () => {};

const OPTIONS: EchoServerOptions = {
  maxConnections: 1_000,
  maxWaiting: 0,
  connectionTimeoutMs: 0,
  idleTimeoutMs: 0,
  onRefused: nothing,
};

/** A running server, and the chunks that it reported. */
function running(listener: TestListener) {
  const told: string[] = [];
  const server = new EchoServer(listener.inherited, {
    ...OPTIONS,
    onConnection: () => (chunk) =>
      void told.push(new TextDecoder().decode(chunk)),
  });
  const done = server.run();
  return { server, told, done };
}

Deno.test("server: serves every peer, each with its own echo", async () => {
  using listener = await TestListener.listen();
  const { server, told, done } = running(listener);
  const peers = await Promise.all(
    Array.from({ length: 50 }, () => listener.dial()),
  );
  const echoes = await Promise.all(
    peers.map((peer, i) => echoOf(peer, `peer ${i}\n`)),
  );
  assertEquals(echoes, peers.map((_, i) => `peer ${i}\n`));
  assertEquals(told.toSorted(), echoes.toSorted());
  server.stop();
  for (const peer of peers) peer.close();
  await soon("the server has stopped", done);
});

Deno.test("server: close ends its own connection, and no other", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const [leaving, staying] = [await listener.dial(), await listener.dial()];
  assertEquals(await echoOf(leaving, "close\n"), "close\n");
  assertEquals(await receiveAllText(leaving), "");
  assertEquals(await echoOf(staying, "still here"), "still here");
  const late = await listener.dial();
  assertEquals(await echoOf(late, "new"), "new");
  server.stop();
  server.abort();
  await soon("the server has stopped", done);
});

Deno.test("server: two halves of close from two peers close nothing", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const [one, other] = [await listener.dial(), await listener.dial()];
  assertEquals(await echoOf(one, "clo"), "clo");
  assertEquals(await echoOf(other, "se"), "se");
  assertEquals(await echoOf(one, "x"), "x");
  assertEquals(await echoOf(other, "x"), "x");
  server.stop();
  server.abort();
  await soon("the server has stopped", done);
});

Deno.test("server: a reset affects no other connection", async () => {
  using listener = await TestListener.listen();
  const { server, told, done } = running(listener);
  const staying = await listener.dial();
  assertEquals(await echoOf(staying, "before"), "before");
  for (let i = 0; i < 20; i++) {
    const resetting = await listener.dial();
    await send(resetting, "reset");
    await eventually(
      `the server was told of reset ${i}`,
      () => told.filter((chunk) => chunk === "reset").length,
      (count) => count > i,
    );
    // Closed with its echo unread, which the server gets as a reset.
    resetting.close();
  }
  assertEquals(await echoOf(staying, "after"), "after");
  assertEquals(await echoOf(await listener.dial(), "new"), "new");
  server.stop();
  server.abort();
  await soon("the server has stopped", done);
});

Deno.test("server: a peer that never reads does not hold up the others", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const deaf = await listener.dial();
  let flooded = 0;
  const flood = (async () => {
    for (;;) flooded += await deaf.write(new Uint8Array(64 * 1024));
  })().catch(nothing);
  let before = -1;
  await eventually(
    "the flood is left to wait in the kernel",
    () => [before, before = flooded],
    ([earlier, now]) => now! > 0 && earlier === now,
  );
  const peer = await listener.dial();
  for (let i = 0; i < 100; i++) {
    assertEquals(await echoOf(peer, `line ${i}\n`), `line ${i}\n`);
  }
  server.stop();
  server.abort();
  await soon("the server has stopped", done);
  await soon("the flood ends in an error", flood);
});

Deno.test("stop: without connections it is over at once", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  server.stop();
  await soon("the server has stopped", done, { within: 500 });
});

Deno.test("stop: echoes what open connections sent, then closes them", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const peers = [await listener.dial(), await listener.dial()];
  for (const peer of peers) assertEquals(await echoOf(peer, "open"), "open");
  const sent = new Random(1).bytes(50_000);
  await send(peers[0]!, sent);
  let stopped = false;
  done.then(() => stopped = true);
  server.stop();
  assertSameBytes(await receiveAll(peers[0]!), sent);
  assertEquals(await receiveAllText(peers[1]!), "");
  assertEquals(stopped, false);
  for (const peer of peers) peer.close();
  await soon("the server has stopped", done);
});

Deno.test("stop: a chunk that triggers it is still echoed", async () => {
  using listener = await TestListener.listen();
  const server = new EchoServer(listener.inherited, {
    ...OPTIONS,
    onConnection: () => () => server.stop(),
  });
  const done = server.run();
  const peer = await listener.dial();
  await send(peer, "last words");
  assertEquals(await receiveAllText(peer), "last words");
  peer.close();
  await soon("the server has stopped", done);
});

Deno.test("stop: a second call changes nothing", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const peer = await listener.dial();
  assertEquals(await echoOf(peer, "x"), "x");
  server.stop();
  server.stop();
  assertEquals(await receiveAllText(peer), "");
  peer.close();
  await soon("the server has stopped", done);
  server.stop();
});

Deno.test("stop: accepts no further connection", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  server.stop();
  await soon("the server has stopped", done);
  await assertRejects(() => listener.dial());
});

Deno.test("stop: a connection that was accepted before is served and ended", async () => {
  using own = await TestListener.listen();
  const [conn, peer] = await own.pair();
  await send(peer, "accepted in time");
  const { listener, yieldConn } = closingListener();
  const server = new EchoServer(listener, OPTIONS);
  const done = server.run();
  server.stop();
  // As an adopted listener does with connections that the kernel had already accepted.
  yieldConn(conn);
  assertEquals(await receiveAllText(peer), "accepted in time");
  peer.close();
  await soon("the server has stopped", done);
});

Deno.test("abort: closes at once the connections that stop would drain", async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const deaf = await listener.dial();
  const flood = (async () => {
    for (;;) await deaf.write(new Uint8Array(64 * 1024));
  })().catch(nothing);
  const silent = await listener.dial();
  assertEquals(await echoOf(silent, "x"), "x");
  server.stop();
  server.abort();
  await soon("the server has stopped", done, { within: 1_000 });
  assertEquals(await receiveAllText(silent), "");
  await soon("the flood ends in an error", flood);
});

// A remaining linger timer would be a leak.
const strict = { sanitizeOps: true, sanitizeResources: true };
Deno.test("abort: cuts the linger after close short", strict, async () => {
  using listener = await TestListener.listen();
  const { server, done } = running(listener);
  const peer = await listener.dial();
  assertEquals(await echoOf(peer, "close"), "close");
  server.stop();
  server.abort();
  await soon("the server has stopped", done, { within: 500 });
});

Deno.test("server: a listener that fails ends it with that error", async () => {
  const error = new Deno.errors.ConnectionAborted("no more");
  const failing = {
    close: nothing,
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
  };
  const server = new EchoServer(
    failing as unknown as InheritedListener,
    OPTIONS,
  );
  await assertRejects(() => server.run(), Deno.errors.ConnectionAborted);
});

/** A listener that yields one more connection after its close. */
function closingListener() {
  const left = Promise.withResolvers<InheritedConn>();
  const shape = {
    close: nothing,
    async *[Symbol.asyncIterator]() {
      yield await left.promise;
    },
  };
  return {
    listener: shape as unknown as InheritedListener,
    yieldConn: left.resolve,
  };
}
