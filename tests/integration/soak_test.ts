// Many peers of every kind at once, from patient to abrupt: in `make check` for a few
// seconds, in `make soak MINUTES=…` for that time. Each peer has random numbers of its
// own, so that SEED=… gives the same peers and bytes again.

import { assert, assertEquals } from "@std/assert";
import { createConnection } from "node:net";
import type { Kind } from "../support/activate.ts";
import { eventually, soon, untilSteady } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receive,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { IPC_SERVER } from "../support/program.ts";
import { Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { ActivatedServer } from "./activated_server.ts";

const STREAMS: Kind[] = ["unix path", "IPv4"];

/** The duration for each kind of socket, in milliseconds. */
const DURATION_MS = (SOAK_MINUTES ?? 0.1) * 60_000 / STREAMS.length;

/** The number of peers at a time. */
const PEERS = 24;

/** The most growth of the memory of the server, in MiB. */
const GROWTH_MIB = 60;

const MEBIBYTE = 1024 * 1024;

/** More than the kernel holds of a flood and of its echo. */
const FLOOD_MAX = 256 * MEBIBYTE;

/** A peer from connect to close; it checks that it gets every byte of its echo. */
type Peer = (server: ActivatedServer, random: Random) => Promise<void>;

const COMMON: Peer[] = [
  async function bursting(server, random) {
    using conn = await server.dial();
    const most = random.next() % 4 === 0 ? 4 * MEBIBYTE : random.size();
    await assertEchoed(conn, random.bytes(1 + random.next() % most));
  },
  async function sendingClose(server, random) {
    using conn = await server.dial();
    const text = `${random.next()}\nclose`;
    const cut = random.next() % text.length;
    await send(conn, text.slice(0, cut));
    await pause(random.next() % 5);
    await send(conn, text.slice(cut));
    assertEquals(await receiveAllText(conn), text);
  },
  async function talkative(server, random) {
    using conn = await server.dial();
    for (let rounds = random.next() % 50; rounds > 0; rounds--) {
      const bytes = random.bytes(random.size());
      const sending = later(send(conn, bytes));
      assertSameBytes(await receive(conn, bytes.length), bytes);
      await sending;
    }
  },
  async function slowToWrite(server, random) {
    using conn = await server.dial();
    await assertEchoed(conn, random.bytes(20), async (bytes) => {
      for (const byte of bytes) {
        await send(conn, Uint8Array.of(byte));
        await pause(random.next() % 30);
      }
    });
  },
  async function slowToRead(server, random) {
    using conn = await server.dial();
    const bytes = random.bytes(MEBIBYTE);
    const sending = later(send(conn, bytes).then(() => conn.closeWrite()));
    for (let read = 0; read < bytes.length;) {
      const chunk = await receive(conn, random.size());
      assertSameBytes(chunk, bytes.subarray(read, read += chunk.length));
      if (random.next() % 4 === 0) await pause(random.next() % 3);
    }
    await sending;
  },
  async function leaving(server, random) {
    using conn = await server.dial();
    // With its echo unread.
    if (random.next() % 2 === 0) await send(conn, random.bytes(random.size()));
  },
  async function resetting(server, random) {
    // A connection of Deno's own stays open for as long as a write is under way.
    const isUnix = server.address.startsWith("/");
    const [host, port] = server.address.split(":");
    const socket = isUnix
      ? createConnection(server.address)
      : createConnection(Number(port), host);
    await soon(
      "an echo has arrived",
      new Promise((resolve, reject) => {
        socket.once("data", resolve).once("error", reject);
        socket.write(random.bytes(MEBIBYTE));
      }),
    );
    const closed = new Promise((resolve) => socket.once("close", resolve));
    // A unix socket resets when it is closed with something unread. For TCP it takes
    // SO_LINGER with no time: the kernel sends RST instead of FIN.
    if (isUnix) socket.destroy();
    else socket.resetAndDestroy();
    await soon("the connection is reset", closed);
  },
];

const RARE: Peer[] = [
  async function flooding(server, random) {
    using conn = await server.dial();
    const part = random.bytes(1_000_003);
    let sent = 0, isBlocked = false;
    const sending = later((async () => {
      while (sent < FLOOD_MAX && !isBlocked) {
        sent += await conn.write(part.subarray(sent % part.length));
      }
      await conn.closeWrite();
    })());
    await untilSteady(() => sent);
    assert(sent < FLOOD_MAX, "all bytes were taken, and none read");
    isBlocked = true;
    const echoed = await receiveAll(conn);
    await sending;
    assertEquals(echoed.length, sent);
    for (let at = 0; at < sent; at += part.length) {
      const some = echoed.subarray(at, at + part.length);
      assertSameBytes(some, part.subarray(0, sent - at));
    }
  },
  async function stoppingTheServer(server, random) {
    const others = stopping;
    await (stopping = (async () => {
      await others;
      await server.freeze();
      await pause(random.next() % 20);
      server.kill("SIGCONT");
    })());
  },
];

/** Serializes the stops: one peer would resume the server that another stopped. */
let stopping = Promise.resolve();

/** All kinds of peers; the common ones are drawn four times as often. */
const KINDS = [...RARE, ...COMMON, ...COMMON, ...COMMON, ...COMMON];

/** Sends, half-closes, and checks that every byte is echoed, followed by EOF. */
async function assertEchoed(
  conn: Deno.Conn,
  bytes: Uint8Array<ArrayBuffer>,
  sendAll: (bytes: Uint8Array) => Promise<void> = (bytes) => send(conn, bytes),
): Promise<void> {
  const [got] = await Promise.all([
    receiveAll(conn),
    sendAll(bytes).then(() => conn.closeWrite()),
  ]);
  assertSameBytes(got, bytes);
}

/** Marks a promise as handled: it is awaited later, unless the test fails before. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function openSockets(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(directory)].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`${directory}/${name}`).startsWith("socket:");
    } catch {
      // Closed since the directory was read.
    }
  }).length;
}

for (const kind of STREAMS) {
  Deno.test(`peers of every kind over ${kind} get every byte of their echo, and the server does not grow`, () =>
    withRandom(async (random) => {
      console.log(`SEED=${random.seed}`);
      const command = [IPC_SERVER, "--quiet"];
      await using server = await ActivatedServer.listen({ command, kind });
      using first = await server.dial();
      assertEquals(await echoOf(first, "awake?"), "awake?");
      const memoryAtStart = server.peakMemory();
      const socketsAtStart = openSockets(server.pid);

      const until = performance.now() + DURATION_MS;
      const met: Record<string, number> = {};
      let failed = false;
      await Promise.all(Array.from({ length: PEERS }, async (_, peer) => {
        const own = new Random(random.next());
        // Every kind runs at least once.
        let run = KINDS[peer] ?? COMMON[0]!;
        for (let turn = 1; performance.now() < until && !failed; turn++) {
          try {
            await run(server, own);
          } catch (cause) {
            failed = true;
            const which = `peer ${peer} in turn ${turn}, ${run.name}`;
            throw new Error(`${which}: ${cause}`, { cause });
          }
          met[run.name] = (met[run.name] ?? 0) + 1;
          run = KINDS[own.next() % KINDS.length]!;
        }
      }));

      assertEquals(await echoOf(first, "still there?"), "still there?");
      const growth = server.peakMemory() - memoryAtStart;
      const kinds = Deno.inspect(met);
      const figures = `the server grew by ${growth.toFixed(1)} MiB; ${kinds}`;
      if (SOAK_MINUTES !== undefined) console.log(figures);
      assert(growth < GROWTH_MIB, figures);
      await eventually(
        "all sockets but those of the start are closed",
        () => openSockets(server.pid),
        (count) => count === socketsAtStart,
      );
      server.kill("SIGTERM");
      await server.exits(0);
    }));
}
