/**
 * Kinds of peers, from patient to abrupt. Each checks that it gets
 * every byte of its echo.
 */

import { assert, assertEquals } from "@std/assert";
import { createConnection } from "node:net";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  receive,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import type { Random } from "../support/random.ts";
import type { ActivatedServer } from "./activated_server.ts";

const MEBIBYTE = 1024 * 1024;

/** The size of a flood. */
const FLOOD_BYTES = 24 * MEBIBYTE;

/** The most bytes of a flood that the kernel and the server hold unread. */
const UNREAD_BYTES = 16 * MEBIBYTE;

/** The server that a peer connects to, and its random numbers. */
export interface PeerContext {
  server: ActivatedServer;
  random: Random;
}

/** One kind of peer. */
export interface PeerKind {
  /** How often it is drawn, relative to the others. */
  weight: number;
  /** Runs one peer of this kind, from connect to close. */
  run(scene: PeerContext): Promise<void>;
}

export const PEER_KINDS: Readonly<Record<string, PeerKind>> = {
  "brief, half-closing": { weight: 4, run: halfClosing },
  "brief, sending close in pieces": { weight: 4, run: sendingClose },
  "talkative": { weight: 4, run: talkative },
  "sending one byte at a time": { weight: 4, run: byteByByte },
  "a slow writer": { weight: 4, run: slowWriter },
  "a slow reader": { weight: 4, run: slowReader },
  "a burst": { weight: 4, run: burst },
  "a flood that reads late": { weight: 1, run: floodReadLate },
  "gone with its echo unread": { weight: 4, run: goneUnread },
  "gone without sending": { weight: 4, run: goneSilent },
  "resetting amid an echo": { weight: 4, run: resetting },
  "a program that is stopped for a moment": { weight: 2, run: stopped },
  "stopping the server for a moment": { weight: 2, run: stoppingServer },
};

/** Draws the name of a kind of peer, by weight. */
export function drawPeerKind(random: Random): string {
  const names = Object.entries(PEER_KINDS).flatMap(([name, { weight }]) =>
    Array.from({ length: weight }, () => name)
  );
  return names[random.next() % names.length]!;
}

async function halfClosing({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  await assertEchoed(conn, random.bytes(random.size()));
}

async function sendingClose({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  const text = `${random.next()}\nclose`;
  const cut = random.next() % text.length;
  await send(conn, text.slice(0, cut));
  await pause(random.next() % 5);
  await send(conn, text.slice(cut));
  assertEquals(await receiveAllText(conn), text);
}

async function talkative({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  for (let rounds = random.next() % 50; rounds > 0; rounds--) {
    const bytes = random.bytes(random.size());
    const [got] = await Promise.all([
      receive(conn, bytes.length),
      send(conn, bytes),
    ]);
    assertSameBytes(got, bytes);
  }
}

async function byteByByte({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  await assertEchoed(conn, random.bytes(100), async (bytes) => {
    for (const byte of bytes) await send(conn, Uint8Array.of(byte));
  });
}

async function slowWriter({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  await assertEchoed(conn, random.bytes(20), async (bytes) => {
    for (const byte of bytes) {
      await send(conn, Uint8Array.of(byte));
      await pause(random.next() % 30);
    }
  });
}

async function slowReader({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  const bytes = random.bytes(MEBIBYTE);
  const sending = later(send(conn, bytes).then(() => conn.closeWrite()));
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const buffer = new Uint8Array(random.size());
    const count = await soon("the slow reader is sent more", conn.read(buffer));
    if (count === null) break;
    chunks.push(buffer.subarray(0, count));
    if (random.next() % 4 === 0) await pause(random.next() % 3);
  }
  await sending;
  assertSameBytes(await new Blob(chunks).bytes(), bytes);
}

async function burst({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  await assertEchoed(conn, random.bytes(1 + random.next() % (4 * MEBIBYTE)));
}

async function floodReadLate({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  const flood = random.bytes(FLOOD_BYTES);
  let sent = 0;
  const sending = later((async () => {
    while (sent < flood.length) {
      sent += await conn.write(flood.subarray(sent, sent + 64 * 1024));
    }
    await conn.closeWrite();
  })());
  let before = -1;
  await eventually(
    "the flood waits in the kernel",
    () => [before, before = sent],
    ([earlier, now]) => now! > 0 && earlier === now,
  );
  assert(sent < UNREAD_BYTES, `${sent} bytes were taken, and none read`);
  assertSameBytes(await receiveAll(conn), flood);
  await sending;
}

async function goneUnread({ server, random }: PeerContext): Promise<void> {
  using conn = await server.connect();
  await send(conn, random.bytes(random.size()));
}

async function goneSilent({ server }: PeerContext): Promise<void> {
  using _conn = await server.connect();
}

async function resetting({ server, random }: PeerContext): Promise<void> {
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
}

async function stopped({ server, random }: PeerContext): Promise<void> {
  const address = server.address.startsWith("/")
    ? `UNIX-CONNECT:${server.address}`
    : `TCP:${server.address}`;
  const program = new Deno.Command("socat", {
    args: ["-t", "30", "-", address],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let ended = false;
  try {
    const bytes = random.bytes(MEBIBYTE);
    const input = program.stdin.getWriter();
    const output = later(program.output());
    later(input.write(bytes.subarray(0, MEBIBYTE / 2)));
    await pause(random.next() % 20);
    // Its input is open: it still runs.
    program.kill("SIGSTOP");
    later(input.write(bytes.subarray(MEBIBYTE / 2)));
    later(input.close());
    await pause(random.next() % 50);
    program.kill("SIGCONT");
    // The limit is longer than elsewhere: many other peers take turns.
    const { code, stdout } = await soon("the program has ended", output, {
      within: 60_000,
    });
    ended = true;
    assertSameBytes(stdout, bytes);
    assertEquals(code, 0);
  } finally {
    if (!ended) program.kill("SIGKILL");
  }
}

/** Serializes stops of a server: one peer would resume the server that another stopped. */
const stopping = new WeakMap<ActivatedServer, Promise<void>>();

async function stoppingServer({ server, random }: PeerContext): Promise<void> {
  const others = stopping.get(server);
  const turn = (async () => {
    await others;
    await server.freeze();
    await pause(random.next() % 20);
    server.thaw();
  })();
  stopping.set(server, turn);
  await turn;
}

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
