// Many peers of every temper at once, in an order that a seed decides. In
// `make check` for a few seconds; `make soak MINUTES=…` for as long as wanted.

import { assert, assertEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { type Random, withRandom } from "../support/random.ts";
import { ActivatedServer } from "./activated_server.ts";

/** For how long it goes on, in milliseconds. */
const DURATION_MS = Number(Deno.env.get("SOAK_MINUTES") ?? 0.1) * 60_000;

/** How many peers there are at a time. */
const PEERS = 24;

/** How much memory the server may need beyond its start, in MiB. */
const GROWTH_MIB = 60;

interface Scene {
  server: ActivatedServer;
  random: Random;
}

/** What a peer may be like: it checks that it gets all that is its due. */
const TEMPERS: Record<string, (scene: Scene) => Promise<void>> = {
  async "brief, half-closing"({ server, random }) {
    using conn = await server.connect();
    const bytes = random.bytes(random.size());
    const [got] = await Promise.all([
      receiveAll(conn),
      send(conn, bytes).then(() => conn.closeWrite()),
    ]);
    assertSameBytes(got, bytes);
  },
  async "brief, saying close"({ server, random }) {
    using conn = await server.connect();
    const text = `${random.next()}\nclose\n`;
    await send(conn, text);
    assertEquals(await receiveAllText(conn), text);
  },
  async "one byte at a time"({ server, random }) {
    using conn = await server.connect();
    const bytes = random.bytes(100);
    const [got] = await Promise.all([
      receiveAll(conn),
      (async () => {
        for (const byte of bytes) await send(conn, Uint8Array.of(byte));
        await conn.closeWrite();
      })(),
    ]);
    assertSameBytes(got, bytes);
  },
  async "a burst"({ server, random }) {
    using conn = await server.connect();
    const bytes = random.bytes(1 + random.next() % (4 * 1024 * 1024));
    const [got] = await Promise.all([
      receiveAll(conn),
      send(conn, bytes).then(() => conn.closeWrite()),
    ]);
    assertSameBytes(got, bytes);
  },
  async "a slow reader"({ server, random }) {
    using conn = await server.connect();
    const bytes = random.bytes(1024 * 1024);
    const sending = send(conn, bytes).then(() => conn.closeWrite());
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (;;) {
      const buffer = new Uint8Array(random.size());
      const count = await soon(
        "the slow reader is sent more",
        conn.read(buffer),
      );
      if (count === null) break;
      chunks.push(buffer.subarray(0, count));
      if (random.next() % 4 === 0) await pause(random.next() % 3);
    }
    await sending;
    assertSameBytes(await new Blob(chunks).bytes(), bytes);
  },
  async "gone with its echo unread"({ server, random }) {
    using conn = await server.connect();
    await send(conn, random.bytes(random.size()));
  },
  async "gone without a word"({ server }) {
    using _conn = await server.connect();
  },
  async "stopping the server for a moment"({ server, random }) {
    await server.freeze();
    await pause(random.next() % 20);
    server.thaw();
  },
};

Deno.test("peers of every temper get all that is their due, and the server stays as it was", () =>
  withRandom(async (random) => {
    await using server = await ActivatedServer.listen({
      command: [IPC_SERVER, "--quiet"],
    });
    using first = await server.connect();
    assertEquals(await echoOf(first, "awake?"), "awake?");
    const memoryAtStart = server.peakMemory();
    const socketsAtStart = openSockets(server.program.pid);

    const until = performance.now() + DURATION_MS;
    const met: Record<string, number> = {};
    let freezing = false;
    await Promise.all(Array.from({ length: PEERS }, async () => {
      while (performance.now() < until) {
        const names = Object.keys(TEMPERS);
        const name = names[random.next() % names.length]!;
        const freezes = name.startsWith("stopping");
        // Two at a time would thaw each other's server.
        if (freezes && freezing) continue;
        freezing ||= freezes;
        await TEMPERS[name]!({ server, random });
        if (freezes) freezing = false;
        met[name] = (met[name] ?? 0) + 1;
      }
    }));

    assertEquals(Object.keys(met).sort(), Object.keys(TEMPERS).sort());
    assertEquals(await echoOf(first, "still there?"), "still there?");
    const growth = server.peakMemory() - memoryAtStart;
    assert(
      growth < GROWTH_MIB,
      `the server grew by ${growth} MiB: ${Deno.inspect(met)}`,
    );
    await eventually(
      "all sockets but those of the start are closed",
      () => openSockets(server.program.pid),
      (count) => count === socketsAtStart,
    );
    server.program.kill("SIGTERM");
    assertEquals(await server.program.exitCode(), 0);
  }));

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function openSockets(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(directory)].filter(({ name }) =>
    Deno.readLinkSync(`${directory}/${name}`).startsWith("socket:")
  ).length;
}
