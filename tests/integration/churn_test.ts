// Short connections, by tens of thousands, do not increase the server's memory. `make
// check` makes as many as fit into some seconds, `make soak` 100,000.
//
// Measured: the memory rises from 67 to 84 MiB between two full garbage collections.
// Tops are compared with tops and, with enough connections, bottoms with bottoms: a
// leak lifts both.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CACHE, type Kind } from "../support/activate.ts";
import { receive, receiveAll, receiveAllText, send } from "../support/peer.ts";
import { IPC_SERVER, REPOSITORY } from "../support/program.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { ActivatedServer } from "./activated_server.ts";

/** The number of connections before the first comparison, and in each of the two halves. */
const [WARM_UP, HALF] = SOAK_MINUTES === undefined
  ? [10_000, 7_000]
  : [15_000, 50_000];

/** The number of connections at a time. */
const AT_ONCE = 4;

/** The number of connections between two readings of the server's memory. */
const BETWEEN_LOOKS = 1_000;

/** The accepted ratio of the second half to the first. */
const GROWTH = 1.1;

const hello = new TextEncoder().encode("hello\n");
const goodbye = new TextEncoder().encode("close\n");

/** Ways to disconnect; peers use them in rotation. */
type Leave = ((conn: Deno.Conn) => Promise<void>)[];

const LEAVE: Leave = [
  async function byClosing(conn) {
    await send(conn, hello);
    assertEquals(await receive(conn, hello.length), hello);
  },
  async function byHalfClosing(conn) {
    await send(conn, hello);
    await conn.closeWrite();
    assertEquals(await receiveAll(conn), hello);
  },
  async function bySendingClose(conn) {
    await send(conn, goodbye);
    assertEquals(await receiveAll(conn), goodbye);
  },
  async function withTheEchoUnread(conn) {
    await send(conn, hello);
  },
  async function withoutData() {},
];

/** Opens and closes connections. Returns the most and the least memory of the server. */
async function churn(
  server: ActivatedServer,
  peers: number,
  leave: Leave = LEAVE,
) {
  let coming = 0;
  const memory: number[] = [];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (coming < peers) {
      const peer = coming++;
      using conn = await server.connect();
      await leave[peer % leave.length]!(conn);
      if (peer % BETWEEN_LOOKS === 0) memory.push(server.memory());
    }
  }));
  return { top: server.peakMemory(), bottom: Math.min(...memory) };
}

Deno.test(`${2 * HALF} short connections do not increase the server's memory`, async () => {
  await using server = await ActivatedServer.listen({
    command: [IPC_SERVER, "--quiet"],
  });
  await churn(server, WARM_UP);
  const first = await churn(server, HALF);
  const second = await churn(server, HALF);

  const figures = Deno.inspect({ first, second });
  if (SOAK_MINUTES !== undefined) console.log("memory in MiB:", figures);
  assert(second.top < first.top * GROWTH, figures);
  if (SOAK_MINUTES !== undefined) {
    assert(second.bottom < first.bottom * GROWTH, figures);
  }
});

/** The same for clients of HTTP. */
const LEAVE_HTTP: Leave = [
  async function afterTheLastResponse(conn) {
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
    await using server = await ActivatedServer.listen({
      kind: kind as Kind,
      command: [Deno.execPath(), "run", "--allow-all", "--no-check", module],
      env: CACHE,
    });
    await churn(server, 30_000, LEAVE_HTTP);
    const first = await churn(server, HALF, LEAVE_HTTP);
    const second = await churn(server, HALF, LEAVE_HTTP);
    const figures = Deno.inspect({ first, second });
    console.log("memory in MiB:", figures);
    assert(second.top < first.top * GROWTH, figures);
  });
}
