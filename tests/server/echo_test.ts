// The echo of many peers, on the server that ipc-server has.

import { assertEquals, assertRejects } from "@std/assert";
import { serveConns, type ServeConnsOptions } from "../../mod.ts";
import { Echo } from "../../server/echo.ts";
import { eventually, soon, untilSteady } from "../support/eventually.ts";
import { assertSameBytes, echoOf, receiveAll, send } from "../support/peer.ts";
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
    ...{ echo, reported, server },
    dial: async () =>
      stack.use(await Deno.connect({ transport: "unix", path })),
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

Deno.test("echo: serves every peer, each with its own echo", async () => {
  await using own = await running();
  const peers = await Promise.all(Array.from({ length: 300 }, own.dial));
  const echoes = await Promise.all(
    peers.map((peer, i) => echoOf(peer, `peer ${i}\n`)),
  );
  assertEquals(echoes, peers.map((_, i) => `peer ${i}\n`));
  assertEquals(own.reported.toSorted(), echoes.toSorted());
  const { length: bytes } = echoes.join("");
  assertEquals(own.echo.status, { open: 300, served: 300, bytes });
});

Deno.test("echo: a peer that never reads delays no other, and is closed at the end of the drain", async () => {
  await using own = await running({ drainTimeoutMs: 300 });
  const deaf = await own.dial();
  let flooded = 0;
  const flood = (async () => {
    for (;;) flooded += await deaf.write(new Uint8Array(64 * 1024));
  })().catch(() => {});
  await untilSteady(() => flooded);
  const peer = await own.dial();
  for (let i = 0; i < 100; i++) {
    assertEquals(await echoOf(peer, `line ${i}\n`), `line ${i}\n`);
  }
  await soon("the server has stopped", own.server.shutdown());
  await soon("the flood ends in an error", flood);
});

Deno.test("echo: a stop echoes what open and waiting connections sent, then ends them", async () => {
  await using own = await running({ maxConnections: 1, maxWaiting: 1 });
  const peers = [await own.dial(), await own.dial()];
  await eventually("one waits", () => own.server.waiting, (n) => n === 1);
  const sent = new Random(1).bytes(50_000);
  for (const peer of peers) await send(peer, sent);
  const stopped = own.server.shutdown();
  for (const peer of peers) {
    assertSameBytes(await receiveAll(peer), sent);
    peer[Symbol.dispose]();
  }
  await soon("the server has stopped", stopped);
  await assertRejects(own.dial);
});
