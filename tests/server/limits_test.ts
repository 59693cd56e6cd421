import { assert, assertEquals } from "@std/assert";
import {
  EchoServer,
  type EchoServerOptions,
} from "../../server/echo_server.ts";
import { TestListener } from "../support/test_listener.ts";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, receiveAllText, send } from "../support/peer.ts";

/** A running server with these limits, which is aborted when disposed of. */
async function limited(limits: Partial<EchoServerOptions>) {
  const listener = await TestListener.listen();
  let refused = 0;
  const server = new EchoServer(listener.inherited, {
    maxConnections: 1_000,
    maxWaiting: 0,
    connectionTimeoutMs: 0,
    idleTimeoutMs: 0,
    onRefused: () => refused += 1,
    ...limits,
  });
  const done = server.run();
  return {
    server,
    done,
    dial: () => listener.dial(),
    /** Connects a peer that is served. */
    async dialServed() {
      const peer = await listener.dial();
      assertEquals(await echoOf(peer, "x"), "x");
      return peer;
    },
    waiting: (count: number) =>
      eventually(
        `${count} wait`,
        () => server.status.waiting,
        (now) => now === count,
      ),
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      server.stop();
      server.abort();
      await soon("the server has stopped", done);
      listener[Symbol.dispose]();
    },
  };
}

Deno.test("limits: connections beyond the limit wait, and are served in order as others close", async () => {
  await using own = await limited({ maxConnections: 2, maxWaiting: 3 });
  const served = [await own.dialServed(), await own.dialServed()];
  const order: number[] = [];
  const waiting = [await own.dial(), await own.dial(), await own.dial()];
  const echoes = waiting.map(async (peer, i) => {
    assertEquals(await echoOf(peer, `${i}`), `${i}`);
    order.push(i);
    await peer.closeWrite();
    assertEquals(await receiveAllText(peer), "");
  });
  await own.waiting(3);
  assertEquals(order, []);
  served[0]!.close();
  await Promise.all(echoes);
  assertEquals(order, [0, 1, 2]);
  assertEquals(await echoOf(served[1]!, "still"), "still");
  assertEquals(own.refused(), 0);
  assertEquals(own.server.status.served, 5);
});

Deno.test("limits: the newest is closed when as many wait as may", async () => {
  await using own = await limited({ maxConnections: 1, maxWaiting: 1 });
  const served = await own.dialServed();
  const waiting = await own.dial();
  await own.waiting(1);
  const refused = await own.dial();
  assertEquals(await receiveAllText(refused), "");
  assertEquals(own.refused(), 1);
  served.close();
  assertEquals(await echoOf(waiting, "my turn"), "my turn");
});

Deno.test("limits: a silent connection is closed, one that talks is not", async () => {
  await using own = await limited({ connectionTimeoutMs: 200 });
  const silent = await own.dial();
  const talking = await own.dial();
  let ended = false;
  const end = receiveAllText(silent).then(() => ended = true);
  let echoes = 0;
  while (!ended) {
    assertEquals(await echoOf(talking, "x"), "x");
    echoes += 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await end;
  assert(echoes > 1, "the silent one was closed at once");
  assertEquals(await echoOf(talking, "y"), "y");
});

Deno.test("limits: the server stops after idling for the time-out", async () => {
  await using own = await limited({ idleTimeoutMs: 100 });
  await soon("the server has stopped by itself", own.done);
});

Deno.test("limits: an open connection keeps the server, even without traffic", async () => {
  await using own = await limited({ idleTimeoutMs: 50 });
  const peer = await own.dialServed();
  await new Promise((resolve) => setTimeout(resolve, 150));
  assertEquals(await echoOf(peer, "y"), "y");
  peer.close();
  await soon("the server has stopped by itself", own.done);
});

Deno.test("limits: stop serves waiting connections too", async () => {
  await using own = await limited({ maxConnections: 1, maxWaiting: 1 });
  const served = await own.dialServed();
  const waiting = await own.dial();
  await send(waiting, "not forgotten");
  await own.waiting(1);
  own.server.stop();
  assertEquals(await receiveAllText(served), "");
  assertEquals(await receiveAllText(waiting), "not forgotten");
  await soon("the server has stopped", own.done);
});

Deno.test("limits: the status counts", async () => {
  await using own = await limited({});
  const peer = await own.dial();
  assertEquals(await echoOf(peer, "12345"), "12345");
  assertEquals(own.server.status, {
    open: 1,
    waiting: 0,
    served: 1,
    bytes: 5,
  });
});

Deno.test("limits: a waiting client that disconnects or has half-closed makes room for others", async () => {
  await using own = await limited({ maxConnections: 1, maxWaiting: 4 });
  const served = await own.dialServed();
  const [silent, ended] = [await own.dial(), await own.dial()];
  const [sentAll, left] = [await own.dial(), await own.dial()];
  await own.waiting(4);
  silent.close();
  await ended.closeWrite();
  assertEquals(await receiveAllText(ended), "");
  await send(sentAll, "sent all");
  await sentAll.closeWrite();
  assertEquals(await receiveAllText(sentAll), "sent all");
  await send(left, "sent, and left");
  left.close();
  await own.waiting(0);
  const late = [await own.dial(), await own.dial()];
  await own.waiting(2);
  served.close();
  assertEquals(await echoOf(late[0]!, "my turn"), "my turn");
  late[0]!.close();
  assertEquals(await echoOf(late[1]!, "and mine"), "and mine");
  assertEquals(own.refused(), 0);
  // Those that sent nothing were not served.
  assertEquals(own.server.status.served, 5);
});

Deno.test("limits: silence counts from when a peer that waited is served", async () => {
  await using own = await limited({
    maxConnections: 1,
    maxWaiting: 1,
    connectionTimeoutMs: 200,
  });
  const served = await own.dialServed();
  const waiting = await own.dial();
  const until = performance.now() + 500;
  while (performance.now() < until) {
    assertEquals(await echoOf(served, "x"), "x");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(own.server.status.waiting, 1);
  served.close();
  // Less than the time-out, and long enough to examine every connection.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(await echoOf(waiting, "my turn"), "my turn");
});

Deno.test("limits: abort closes waiting connections without serving them", async () => {
  await using own = await limited({ maxConnections: 1, maxWaiting: 2 });
  await own.dialServed();
  const waiting = [await own.dial(), await own.dial()];
  await own.waiting(2);
  own.server.stop();
  own.server.abort();
  await soon("the server has stopped", own.done);
  for (const peer of waiting) assertEquals(await receiveAllText(peer), "");
  assertEquals(own.server.status, { open: 0, waiting: 0, served: 1, bytes: 1 });
});
