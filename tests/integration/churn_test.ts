// Short connections, by tens of thousands, do not increase the server's memory: `make
// check` makes some seconds of them, `make soak` 100,000. Memory rises between two garbage
// collections; so the peaks of two halves are compared.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Kind, ListenOptions } from "../support/activate.ts";
import { echoOf, receive, receiveAllText, send } from "../support/peer.ts";
import { IPC_SERVER, REPOSITORY } from "../support/program.ts";
import { DENO_RUN, denoEnv } from "../support/script.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { ActivatedServer } from "./activated_server.ts";

/** The number of connections in each of the two halves. */
const HALF = SOAK_MINUTES === undefined ? 7_000 : 50_000;

const AT_ONCE = 4;

/** The accepted ratio of the second half to the first. */
const GROWTH = 1.1;

/** Ways to disconnect; peers use them in rotation. */
type Leave = ((conn: Deno.Conn) => Promise<void>)[];

const LEAVE: Leave = [
  async function byClosing(conn) {
    assertEquals(await echoOf(conn, "hello\n"), "hello\n");
  },
  async function byHalfClosing(conn) {
    await send(conn, "hello\n");
    await conn.closeWrite();
    assertEquals(await receiveAllText(conn), "hello\n");
  },
  async function bySendingClose(conn) {
    await send(conn, "close\n");
    assertEquals(await receiveAllText(conn), "close\n");
  },
  async function withTheEchoUnread(conn) {
    await send(conn, "hello\n");
  },
  async function withoutData() {},
];

/** Compares the peak memory of two halves, after a warm-up. */
async function assertNoGrowth(
  options: Partial<ListenOptions>,
  leave: Leave,
  warmUp: number,
): Promise<void> {
  await using server = await ActivatedServer.listen(options);
  const peaks: number[] = [];
  for (const peers of [warmUp, HALF, HALF]) {
    let coming = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (coming < peers) {
        const peer = coming++;
        using conn = await server.dial();
        await leave[peer % leave.length]!(conn);
      }
    }));
    peaks.push(server.peakMemory());
  }
  if (SOAK_MINUTES !== undefined) console.log("peaks in MiB:", peaks);
  const [, first, second] = peaks;
  assert(second! < first! * GROWTH, `peaks in MiB: ${peaks}`);
}

Deno.test(`${2 * HALF} short connections do not increase the server's memory`, async () => {
  await assertNoGrowth({ command: [IPC_SERVER, "--quiet"] }, LEAVE, 10_000);
});

const LEAVE_HTTP: Leave = [
  async function afterTheEnd(conn) {
    await send(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 200 /);
  },
  async function afterAResponse(conn) {
    await send(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assertEquals((await receive(conn, 12)).length, 12);
  },
  async function withinABody(conn) {
    const head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
    await send(conn, `${head}part`);
  },
  async function withoutARequest() {},
];

// With a JIT, memory takes tens of thousands of connections to settle.
for (const kind of SOAK_MINUTES === undefined ? [] : ["unix path", "IPv4"]) {
  Deno.test(`100,000 HTTP clients over ${kind} do not increase the memory of serve()`, async () => {
    const module = `${REPOSITORY}tests/serve/service_program.ts`;
    const command = [...DENO_RUN, "--allow-all", module];
    const options = { kind: kind as Kind, command, env: denoEnv() };
    await assertNoGrowth(options, LEAVE_HTTP, 30_000);
  });
}
