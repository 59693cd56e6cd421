/**
 * The other end of a connection: sends and receives, with time limits.
 */

import { soon } from "./eventually.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends everything. */
export async function send(
  conn: Deno.Conn,
  data: string | Uint8Array,
): Promise<void> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  for (let sent = 0; sent < bytes.length;) {
    sent += await conn.write(bytes.subarray(sent));
  }
}

/** Sends some milliseconds before a time, until which it blocks the event loop. */
export async function sendBlocking(
  conn: Deno.Conn,
  data: string,
  until: number,
  blockedMs = 100,
): Promise<void> {
  const left = Math.max(0, until - blockedMs - performance.now());
  await new Promise((resolve) => setTimeout(resolve, left));
  const sending = send(conn, data);
  while (performance.now() < until);
  await sending;
}

/** Reads once, and returns the text; null at the end. */
export async function readText(
  conn: Deno.Conn,
  size = 1024,
): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const count = await conn.read(buffer);
  return count === null ? null : decoder.decode(buffer.subarray(0, count));
}

/** Receives N bytes, or fewer when the connection ends before. */
export async function receive(
  conn: Deno.Conn,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let received = 0;
  while (received < length) {
    const count = await soon(
      `${length} bytes have arrived, after ${received} of them`,
      conn.read(bytes.subarray(received)),
    );
    if (count === null) break;
    received += count;
  }
  return bytes.subarray(0, received);
}

/** Receives until the received text ends with a suffix, and returns all of it. */
export async function receiveUpTo(
  conn: Deno.Conn,
  end: string,
): Promise<string> {
  let all = "";
  while (!all.endsWith(end)) {
    const byte = decoder.decode(await receive(conn, 1));
    if (byte === "") throw new Error(`The connection has ended after "${all}"`);
    all += byte;
  }
  return all;
}

/** Receives until the peer half-closes. */
export async function receiveAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let length = 0;;) {
    const buffer = new Uint8Array(64 * 1024);
    const count = await soon(
      `the connection has ended, after ${length} bytes`,
      conn.read(buffer),
    );
    if (count === null) return await new Blob(chunks).bytes();
    length += count;
    chunks.push(buffer.subarray(0, count));
  }
}

/** As {@linkcode receiveAll}, as text. */
export async function receiveAllText(conn: Deno.Conn): Promise<string> {
  return decoder.decode(await receiveAll(conn));
}

/** Sends a text and returns its echo. */
export async function echoOf(conn: Deno.Conn, text: string): Promise<string> {
  await soon(`"${text}" has been sent`, send(conn, text));
  const length = encoder.encode(text).length;
  return decoder.decode(await receive(conn, length));
}

/** Compares many bytes, and reports the first difference instead of showing them all. */
export function assertSameBytes(
  actual: Uint8Array,
  expected: Uint8Array,
): void {
  const shorter = Math.min(actual.length, expected.length);
  let same = 0;
  while (same < shorter && actual[same] === expected[same]) same++;
  if (same === actual.length && same === expected.length) return;
  throw new Error(
    `${actual.length} bytes arrived instead of ${expected.length}; the first ${same} are right`,
  );
}

/** Connects, and returns whether it was served; a server may close instead. */
export async function isServed(
  connect: () => Promise<Deno.Conn>,
): Promise<boolean> {
  using conn = await connect();
  try {
    return await echoOf(conn, "hello") === "hello";
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return false;
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}
