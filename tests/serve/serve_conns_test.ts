// serveConns(): a stream protocol in the life of a service.

import { assertEquals, assertRejects } from "@std/assert";
import {
  type ConnHandler,
  serveConns,
  type ServeConnsOptions,
} from "../../serve/mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  echoOf,
  receive,
  receiveAllText,
  send,
  sendBlocking,
} from "../support/peer.ts";
import { onSocket } from "./on_socket.ts";

const echo = (conn: Parameters<ConnHandler>[0]) =>
  conn.forEachChunk((chunk) => conn.writeChunk(chunk));

/** Serves on a new socket. */
const served = (
  transport: "tcp" | "unix",
  handler: ConnHandler,
  options: ServeConnsOptions = {},
) => onSocket(transport, (own) => serveConns(handler, { ...own, ...options }));

/** Receives until the end, or a reset. */
const receiveRest = (conn: Deno.Conn) => receiveAllText(conn).catch(() => "");

/** Serves one connection at a time; waits until others wait. */
async function withWaiting(
  transport: "tcp" | "unix",
  count: number,
  options: ServeConnsOptions = {},
) {
  const conns = await served(transport, echo, {
    maxConnections: 1,
    ...options,
  });
  const first = await conns.dial();
  assertEquals(await echoOf(first, "x"), "x");
  const waiting: Deno.Conn[] = [];
  while (waiting.length < count) waiting.push(await conns.dial());
  const { server } = conns;
  await eventually("they wait", () => server.waiting, (n) => n === count);
  return Object.assign(conns, { first, waiting });
}

for (const transport of ["tcp", "unix"] as const) {
  Deno.test(`${transport}: what was written arrives before the end, although input is unread`, async () => {
    const answer = "x".repeat(100_000);
    await using conns = await served(transport, async (conn) => {
      await conn.readChunk();
      await send(conn, answer);
    });
    using conn = await conns.dial();
    await send(conn, "go");
    await send(conn, "unread");
    assertEquals(await receiveAllText(conn), answer);
  });

  Deno.test(`${transport}: a handler's error is reported, and ends its connection only`, async () => {
    const errors: unknown[] = [];
    const fail = (text: string) => {
      throw new Error(text);
    };
    const handlers: ConnHandler[] = [
      echo,
      (conn) => conn.readChunk().then(() => fail("later")),
      () => fail("at once"),
      () => {},
    ];
    await using conns = await served(
      transport,
      (conn, info) => handlers.shift()!(conn, info),
      {
        onError(error) {
          errors.push(error);
          throw error;
        },
      },
    );
    using other = await conns.dial();
    assertEquals(await echoOf(other, "a"), "a");
    while (handlers.length > 0) {
      using conn = await conns.dial();
      // The server may have closed it.
      await send(conn, "x").catch(() => {});
      assertEquals(await receiveRest(conn), "");
    }
    assertEquals(errors.map(String), ["Error: later", "Error: at once"]);
    assertEquals(await echoOf(other, "b"), "b");
    await other.closeWrite();
  });

  Deno.test(`${transport}: the signal is aborted when the connection breaks, and the error is not reported`, async () => {
    const errors: unknown[] = [];
    const broken = Promise.withResolvers<AbortSignal>();
    await using conns = await served(transport, async (conn, { signal }) => {
      signal.addEventListener("abort", () => broken.resolve(signal));
      for (;;) {
        await conn.writeChunk(new Uint8Array(65_536));
        // Writes at once must not starve the event loop.
        await new Promise((resolve) => setTimeout(resolve));
      }
    }, { onError: (error) => errors.push(error) });
    const conn = await conns.dial();
    await receive(conn, 1);
    conn.close();
    const signal = await soon("the signal is aborted", broken.promise);
    assertEquals(signal.reason.name, "AbortError");
    await conns.stops();
    assertEquals(errors, []);
  });

  Deno.test(`${transport}: a stop aborts stopping, and waits for the handlers`, async () => {
    const stopped: string[] = [];
    await using conns = await served(transport, async (conn, { stopping }) => {
      stopping.addEventListener("abort", () => void conn.closeWrite());
      await echo(conn);
      stopped.push(stopping.reason.name);
    });
    using conn = await conns.dial();
    assertEquals(await echoOf(conn, "a"), "a");
    const shutdown = conns.stops();
    assertEquals(await receiveAllText(conn), "");
    conn.close();
    await shutdown;
    assertEquals(stopped, ["AbortError"]);
  });

  Deno.test(`${transport}: the end of drainTimeoutMs closes all connections, also those that wait`, async () => {
    const options = { drainTimeoutMs: 50 };
    await using conns = await withWaiting(transport, 1, options);
    const [waiting] = conns.waiting as [Deno.Conn];
    await send(waiting, "x");
    await conns.stops();
    for (const conn of [conns.first, waiting]) {
      assertEquals(await receiveRest(conn), "");
      conn.close();
    }
    await assertRejects(() => conns.dial());
  });

  Deno.test(`${transport}: more than maxConnections wait unread for their turn, also while stopping`, async () => {
    let open = 0;
    let most = 0;
    let aborted = 0;
    await using conns = await served(transport, async (conn, { stopping }) => {
      stopping.addEventListener("abort", () => aborted++);
      most = Math.max(most, ++open);
      await echo(conn);
      open--;
    }, { maxConnections: 2 });
    const peers = await Promise.all([1, 2, 3, 4].map(conns.dial));
    for (const peer of peers) await send(peer, "hello");
    for (const peer of peers.slice(0, 2)) {
      assertEquals((await receive(peer, 5)).length, 5);
    }
    const stopped = conns.stops();
    for (const peer of peers) {
      await peer.closeWrite();
      await receiveAllText(peer);
      peer.close();
    }
    await stopped;
    assertEquals([most, open, aborted], [2, 0, 4]);
  });

  Deno.test(`${transport}: connectionTimeoutMs closes silent connections, and no others`, async () => {
    const tick: ConnHandler = async (conn, { signal }) => {
      while (!signal.aborted) {
        await conn.writeChunk(Uint8Array.of(1));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const handlers = [echo, echo, tick];
    await using conns = await served(
      transport,
      (conn, info) => handlers.shift()!(conn, info),
      { connectionTimeoutMs: 500 },
    );
    using silent = await conns.dial();
    using busy = await conns.dial();
    using listening = await conns.dial();
    let isOver = false;
    receiveRest(silent).finally(() => isOver = true);
    await eventually("the silent connection is closed", async () => {
      assertEquals(await echoOf(busy, "a"), "a");
      return isOver;
    }, (over) => over);
    // While this process is stopped, no connection becomes idle.
    await sendBlocking(listening, "x", performance.now() + 900, 700);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assertEquals(await echoOf(busy, "b"), "b");
    // It sends in time, while the server is stopped.
    await sendBlocking(busy, "b", performance.now() + 800, 500);
    assertEquals((await receive(busy, 1)).length, 1);
    await busy.closeWrite();
    assertEquals((await receive(listening, 12)).length, 12);
  });
}

Deno.test("connections beyond maxWaiting are closed and counted, and those that wait are served in order", async () => {
  let refused = 0;
  await using conns = await withWaiting("unix", 2, {
    ...{ maxWaiting: 2, connectionTimeoutMs: 500 },
    onRefused: () => refused++,
  });
  const { first, waiting } = conns;
  using late = await conns.dial();
  assertEquals([await receiveRest(late), refused], ["", 1]);
  // Their time-out begins when they are served.
  const start = performance.now();
  while (performance.now() - start < 700) {
    assertEquals(await echoOf(first, "x"), "x");
  }
  const order: number[] = [];
  const echoes = waiting.map(async (peer, i) => {
    assertEquals(await echoOf(peer, `${i}`), `${i}`);
    order.push(i);
    peer.close();
  });
  assertEquals(order, []);
  first.close();
  await Promise.all(echoes);
  assertEquals(order, [0, 1]);
});

Deno.test("a unix peer that disconnects while it waits frees its place", async () => {
  await using conns = await withWaiting("unix", 1);
  conns.waiting[0]!.close();
  const { server } = conns;
  await eventually("none waits", () => server.waiting, (n) => n === 0);
  conns.first.close();
});
