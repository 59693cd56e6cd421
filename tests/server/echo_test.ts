// The echo of many peers, on the server that ipc-server has.

import { assertEquals, assertRejects } from "@std/assert";
import { serveConns, type ServeConnsOptions } from "../../mod.ts";
import { Echo } from "../../server/echo.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";
import { TempDir } from "../support/temp_dir.ts";

/** A running server, and the chunks that it reported. */
async function running(options: ServeConnsOptions = {}) {
  const stack = new AsyncDisposableStack();
  const path = stack.use(new TempDir()).join("echo.socket");
  const reported: string[] = [];
  const echo = new Echo();
  const server = await serveConns(
    (conn, info) =>
      echo.serve(conn, info, (chunk) => {
        reported.push(new TextDecoder().decode(chunk));
      }),
    { fallback: { path }, notify: false, drainTimeoutMs: 60_000, ...options },
  );
  stack.defer(() => soon("the server has stopped", server.shutdown()));
  return {
    ...{ echo, reported },
    waiting: () => server.waiting,
    stop: () => server.shutdown(),
    dial: async () =>
      stack.use(await Deno.connect({ transport: "unix", path })),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

Deno.test("echo: serves every peer, each with its own echo", async () => {
  await using own = await running();
  const peers = await Promise.all(Array.from({ length: 50 }, own.dial));
  const echoes = await Promise.all(
    peers.map((peer, i) => echoOf(peer, `peer ${i}\n`)),
  );
  assertEquals(echoes, peers.map((_, i) => `peer ${i}\n`));
  assertEquals(own.reported.toSorted(), echoes.toSorted());
  assertEquals(own.echo.status, {
    open: 50,
    served: 50,
    bytes: echoes.join("").length,
  });
});

Deno.test("echo: close ends its own connection, and no other", async () => {
  await using own = await running();
  const [leaving, staying] = [await own.dial(), await own.dial()];
  assertEquals(await echoOf(leaving, "close\n"), "close\n");
  assertEquals(await receiveAllText(leaving), "");
  assertEquals(await echoOf(staying, "still here"), "still here");
  assertEquals(await echoOf(await own.dial(), "new"), "new");
});

Deno.test("echo: two halves of close from two peers close nothing", async () => {
  await using own = await running();
  const [one, other] = [await own.dial(), await own.dial()];
  assertEquals(await echoOf(one, "clo"), "clo");
  assertEquals(await echoOf(other, "se"), "se");
  assertEquals(await echoOf(one, "x"), "x");
  assertEquals(await echoOf(other, "x"), "x");
});

Deno.test("echo: a reset affects no other connection", async () => {
  await using own = await running();
  const staying = await own.dial();
  assertEquals(await echoOf(staying, "before"), "before");
  for (let i = 0; i < 20; i++) {
    const resetting = await own.dial();
    await send(resetting, "reset");
    await eventually(
      `reset ${i} is reported`,
      () => own.reported.filter((chunk) => chunk === "reset").length,
      (count) => count > i,
    );
    // Closed with its echo unread, which the server gets as a reset.
    resetting[Symbol.dispose]();
  }
  assertEquals(await echoOf(staying, "after"), "after");
  assertEquals(await echoOf(await own.dial(), "new"), "new");
});

Deno.test("echo: a peer that never reads delays no other, and is closed at the end of the drain", async () => {
  await using own = await running({ drainTimeoutMs: 300 });
  const deaf = await own.dial();
  let flooded = 0;
  const flood = (async () => {
    for (;;) flooded += await deaf.write(new Uint8Array(64 * 1024));
  })().catch(() => {});
  let before = -1;
  await eventually(
    "the flood waits in the kernel",
    () => [before, before = flooded],
    ([earlier, now]) => now! > 0 && earlier === now,
  );
  const peer = await own.dial();
  for (let i = 0; i < 100; i++) {
    assertEquals(await echoOf(peer, `line ${i}\n`), `line ${i}\n`);
  }
  await soon("the server has stopped", own.stop());
  await soon("the flood ends in an error", flood);
});

Deno.test("echo: a stop echoes what open connections sent, then ends them", async () => {
  await using own = await running();
  const peers = [await own.dial(), await own.dial()];
  for (const peer of peers) assertEquals(await echoOf(peer, "open"), "open");
  const sent = new Random(1).bytes(50_000);
  await send(peers[0]!, sent);
  const stopped = own.stop();
  assertSameBytes(await receiveAll(peers[0]!), sent);
  assertEquals(await receiveAllText(peers[1]!), "");
  for (const peer of peers) peer[Symbol.dispose]();
  await soon("the server has stopped", stopped);
  await assertRejects(own.dial);
});

Deno.test("echo: a stop serves waiting connections too", async () => {
  await using own = await running({ maxConnections: 1, maxWaiting: 1 });
  const served = await own.dial();
  assertEquals(await echoOf(served, "x"), "x");
  const waiting = await own.dial();
  await send(waiting, "not forgotten");
  await eventually("it waits", own.waiting, (count) => count === 1);
  const stopped = own.stop();
  assertEquals(await receiveAllText(served), "");
  served[Symbol.dispose]();
  assertEquals(await receiveAllText(waiting), "not forgotten");
  waiting[Symbol.dispose]();
  await soon("the server has stopped", stopped);
});
