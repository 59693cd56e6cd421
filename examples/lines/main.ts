/**
 * A service with a protocol of lines: `add NAME` adds one to a counter, and the reply is
 * its value.
 *
 * @module
 */

import { type AdoptedConn, serveConns } from "../../mod.ts";

/** The most bytes of a line: a peer must not fill the memory. */
const LINE_BYTES = 1024;

/** The time for the next line when the service stops, in milliseconds. */
const GRACE_MS = 250;

const counters = new Map<string, number>();

await serveConns(async (conn, { stopping }) => {
  for await (const line of lines(conn, stopping)) {
    await conn.write(new TextEncoder().encode(`${answer(line)}\n`));
  }
}, {
  fallback: { port: 8081 },
  maxConnections: 1_000,
  connectionTimeoutMs: 60_000,
  idleTimeoutMs: 600_000,
  status: "Counting",
});

function answer(line: string): string {
  const [, name] = /^add (\w+)$/.exec(line) ?? [];
  if (name === undefined) return `error: "${line}" is not "add NAME"`;
  const value = (counters.get(name) ?? 0) + 1;
  counters.set(name, value);
  return `${value}`;
}

/** Yields the lines of a peer. When the service stops, ends after the last complete one. */
async function* lines(conn: AdoptedConn, stopping: AbortSignal) {
  const decoder = new TextDecoder();
  const stopped = new Promise<null>((resolve) =>
    stopping.addEventListener("abort", () => {
      setTimeout(resolve, GRACE_MS, null);
    })
  );
  for (let rest = "";;) {
    const chunk = await Promise.race([conn.readChunk(), stopped]);
    if (chunk === null) return;
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    if (rest.length > LINE_BYTES) throw new Error("A line is too long");
    yield* parts;
  }
}
