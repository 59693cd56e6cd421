// serveConns(): a stream protocol in the life of a service.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type ConnHandler,
  serveConns,
  type ServeConnsOptions,
} from "../../serve/mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const echo: ConnHandler = async (conn) => {
  await conn.forEachChunk((chunk) => conn.writeChunk(chunk));
};

/** Serves on a new socket, and returns how to connect. */
async function served(
  transport: "tcp" | "unix",
  handler: ConnHandler,
  options: ServeConnsOptions = {},
) {
  const stack = new AsyncDisposableStack();
  const path = stack.use(new TempDir()).join("socket");
  const server = await serveConns(handler, {
    fallback: transport === "unix" ? { path } : { port: 0 },
    drainTimeoutMs: 60_000,
    notify: false,
    ...options,
  });
  stack.defer(() => server.shutdown());
  const { port } = server.addr as Deno.NetAddr;
  const dial = (): Promise<Deno.Conn> =>
    transport === "unix"
      ? Deno.connect({ transport: "unix", path })
      : Deno.connect({ port });
  return {
    server,
    dial,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
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
    await using conns = await served(transport, async (conn) => {
      const chunk = await conn.readChunk();
      if (chunk![0] === "x".charCodeAt(0)) throw new Error("no such job");
      await conn.writeChunk(chunk!);
      await conn.forEachChunk((chunk) => conn.writeChunk(chunk));
    }, { onError: (error) => errors.push(error) });
    using other = await conns.dial();
    assertEquals(await echoOf(other, "a"), "a");
    using conn = await conns.dial();
    await send(conn, "x");
    assertEquals(await receiveAllText(conn).catch(() => ""), "");
    assertEquals(`${errors}`, "Error: no such job");
    assertEquals(await echoOf(other, "b"), "b");
    await other.closeWrite();
  });

  Deno.test(`${transport}: the signal is aborted when the connection breaks, and the error is no news`, async () => {
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
    await soon("the server has stopped", conns.server.shutdown());
    assertEquals(errors, []);
  });

  Deno.test(`${transport}: a stop aborts stopping, and waits for the handlers`, async () => {
    const stopped: string[] = [];
    await using conns = await served(transport, async (conn, { stopping }) => {
      stopping.addEventListener("abort", () => void conn.closeWrite());
      await echo(conn, { stopping, signal: stopping });
      stopped.push(stopping.reason.name);
    });
    using conn = await conns.dial();
    assertEquals(await echoOf(conn, "a"), "a");
    const shutdown = conns.server.shutdown();
    assertEquals(await receiveAllText(conn), "");
    conn.close();
    await soon("the server has stopped", shutdown);
    assertEquals(stopped, ["AbortError"]);
  });

  Deno.test(`${transport}: the end of drainTimeoutMs closes a connection whose handler waits`, async () => {
    await using conns = await served(transport, echo, { drainTimeoutMs: 50 });
    using conn = await conns.dial();
    assertEquals(await echoOf(conn, "a"), "a");
    await soon("the server has stopped", conns.server.shutdown());
    assertEquals(await receiveAllText(conn).catch(() => ""), "");
    await assertRejects(() => conns.dial());
  });

  Deno.test(`${transport}: more than maxConnections wait unread for their turn, also while stopping`, async () => {
    let open = 0;
    let most = 0;
    await using conns = await served(transport, async (conn, info) => {
      most = Math.max(most, ++open);
      await echo(conn, info);
      open--;
    }, { maxConnections: 2 });
    const peers = await Promise.all([1, 2, 3, 4].map(conns.dial));
    for (const peer of peers) await send(peer, "hello");
    const first = await Promise.all(
      peers.slice(0, 2).map((peer) => receive(peer, 5)),
    );
    assertEquals(first.map((bytes) => bytes.length), [5, 5]);
    const stopped = conns.server.shutdown();
    for (const peer of peers) {
      await peer.closeWrite();
      await receiveAllText(peer);
      peer.close();
    }
    await soon("the server has stopped", stopped);
    assertEquals([most, open], [2, 0]);
  });

  Deno.test(`${transport}: connectionTimeoutMs closes silent connections, and no others`, async () => {
    await using conns = await served(transport, echo, {
      connectionTimeoutMs: 250,
    });
    using silent = await conns.dial();
    using busy = await conns.dial();
    const ended = receiveAllText(silent);
    let isOver = false;
    ended.catch(() => {}).finally(() => isOver = true);
    await eventually(
      "the silent connection is closed",
      async () => {
        assertEquals(await echoOf(busy, "a"), "a");
        return isOver;
      },
      (over) => over,
    );
    assertEquals(await echoOf(busy, "b"), "b");
    await busy.closeWrite();
  });
}

Deno.test("connections beyond maxWaiting are closed and counted, and those that wait are served in order", async () => {
  let refused = 0;
  await using conns = await served("unix", echo, {
    maxConnections: 1,
    maxWaiting: 2,
    connectionTimeoutMs: 500,
    onRefused: () => refused++,
  });
  using first = await conns.dial();
  assertEquals(await echoOf(first, "x"), "x");
  const waiting = [await conns.dial(), await conns.dial()];
  await eventually("two wait", () => conns.server.waiting, (n) => n === 2);
  using late = await conns.dial();
  assertEquals(await receiveAllText(late).catch(() => ""), "");
  assertEquals(refused, 1);
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
  await first.closeWrite();
  await Promise.all(echoes);
  assertEquals(order, [0, 1]);
});

Deno.test("a unix peer that leaves while it waits frees its place", async () => {
  await using conns = await served("unix", echo, { maxConnections: 1 });
  using first = await conns.dial();
  assertEquals(await echoOf(first, "x"), "x");
  const waiting = await conns.dial();
  await eventually("it waits", () => conns.server.waiting, (n) => n === 1);
  waiting.close();
  await eventually("none waits", () => conns.server.waiting, (n) => n === 0);
  await first.closeWrite();
});

Deno.test("the end of drainTimeoutMs closes connections that wait, unserved", async () => {
  let calls = 0;
  await using conns = await served("unix", async (conn, info) => {
    calls++;
    await echo(conn, info);
  }, { maxConnections: 1, drainTimeoutMs: 50 });
  using first = await conns.dial();
  assertEquals(await echoOf(first, "x"), "x");
  using waiting = await conns.dial();
  await eventually("it waits", () => conns.server.waiting, (n) => n === 1);
  await soon("the server has stopped", conns.server.shutdown());
  assertEquals(await receiveAllText(waiting).catch(() => ""), "");
  assertEquals(calls, 1);
});

Deno.test("a handler that returns at once, or throws at once, is served alike", async () => {
  const errors: unknown[] = [];
  await using conns = await served("unix", () => {
    if (errors.length === 0) throw new Error("not yet");
  }, { onError: (error) => errors.push(error) });
  for (let turn = 0; turn < 2; turn++) {
    using conn = await conns.dial();
    assertEquals(await receiveAllText(conn).catch(() => ""), "");
  }
  assertEquals(errors.length, 1);
});

Deno.test("the options of a connection have its type", async () => {
  await using conns = await served("tcp", async (conn) => {
    assert("setNoDelay" in conn);
    await send(conn, conn.remoteAddr.transport);
  });
  using conn = await conns.dial();
  assertEquals(await receiveAllText(conn), "tcp");
});
