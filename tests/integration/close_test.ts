// "close" ends a connection, after the echo of its chunk.

import { assert, assertEquals } from "@std/assert";
import { soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { ActivatedServer, type Kind } from "./activated_server.ts";

const STREAMS: Kind[] = ["unix path", "IPv4"];

let server: ActivatedServer;
Deno.test.beforeEach(async () => {
  server = await ActivatedServer.listen();
});
Deno.test.afterEach(() => server[Symbol.asyncDispose]());

for (
  const text of [
    "close",
    "close\n",
    "please close the door\n",
    "1\n2\nclose\n3\n",
    "cclose\n",
    "clclosclose\n",
  ]
) {
  Deno.test(`${JSON.stringify(text)} comes back, then the end`, async () => {
    using conn = await server.connect();
    await send(conn, text);
    assertEquals(await receiveAllText(conn), text);
  });
}

for (
  const [first, second] of [["clo", "se\n"], ["c", "lose"], ["x\nclos", "e"]]
) {
  Deno.test(`"close" in the packets ${JSON.stringify(first)} and ${JSON.stringify(second)} is "close"`, async () => {
    using conn = await server.connect();
    // With the echo of the first one back, the second is a packet of its own.
    assertEquals(await echoOf(conn, first!), first);
    await send(conn, second!);
    assertEquals(await receiveAllText(conn), second);
  });
}

Deno.test('"close" in five packets is "close"', async () => {
  using conn = await server.connect();
  for (const letter of "clos") {
    assertEquals(await echoOf(conn, letter), letter);
  }
  await send(conn, "e");
  assertEquals(await receiveAllText(conn), "e");
});

for (const text of ["CLOSE\n", "clo\nse\n", "cl0se\n", "c lose\n", "clos"]) {
  Deno.test(`${JSON.stringify(text)} does not close`, async () => {
    using conn = await server.connect();
    assertEquals(await echoOf(conn, text), text);
    assertEquals(await echoOf(conn, "still here\n"), "still here\n");
  });
}

Deno.test('"clos" of one connection and "e" of another close neither', async () => {
  using one = await server.connect();
  using other = await server.connect();
  assertEquals(await echoOf(one, "clos"), "clos");
  assertEquals(await echoOf(other, "e"), "e");
  assertEquals(await echoOf(one, "!\n"), "!\n");
  assertEquals(await echoOf(other, "!\n"), "!\n");
});

Deno.test('"close" ends one connection, and no other', async () => {
  using closing = await server.connect();
  using other = await server.connect();
  assertEquals(await echoOf(other, "before\n"), "before\n");

  await send(closing, "close\n");
  assertEquals(await receiveAllText(closing), "close\n");

  assertEquals(await echoOf(other, "after\n"), "after\n");
  using later = await server.connect();
  assertEquals(await echoOf(later, "new\n"), "new\n");
});

for (const kind of STREAMS) {
  Deno.test(`"close" at the end of 4 MiB over ${kind} comes back after all of them`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      using conn = await server.connect();
      const burst = random.bytes(4 * 1024 * 1024);
      burst.set(new TextEncoder().encode("close"), burst.length - 5);

      const [echo] = await Promise.all([receiveAll(conn), send(conn, burst)]);

      assertSameBytes(echo, burst);
    });
  });

  Deno.test(`over ${kind}, bytes sent behind "close" take nothing away from what came before`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    using conn = await server.connect();
    const text = `${"x".repeat(100_000)}close`;
    const behind = "y".repeat(50_000);

    // Reads only after everything is sent, so a lost byte stays lost.
    await soon("all is sent", send(conn, text + behind));
    const echo = await receiveAllText(conn);

    assert(echo.startsWith(text), `only ${echo.length} bytes came back`);
    assert((text + behind).startsWith(echo), "other bytes came back");
  });

  Deno.test(`over ${kind}, a peer that goes on sending after "close" gets its echo and the end`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    using conn = await server.connect();
    let done = false;
    const sending = (async () => {
      await send(conn, "1\n2\nclose\n");
      while (!done) await send(conn, "more\n".repeat(1000));
    })();

    const echo = await receiveAllText(conn);
    done = true;
    await sending;

    assert(echo.startsWith("1\n2\nclose\n"), echo.slice(0, 100));
  });
}

Deno.test("a peer that never closes its own side is let go of", async () => {
  await using server = await ActivatedServer.with("--drain-timeout", "60s");
  using conn = await server.connect();
  await send(conn, "close\n");
  assertEquals(await receiveAllText(conn), "close\n");
  // Asked to stop, the server waits for its connections: this one must be over.
  server.program.kill("SIGTERM");
  await server.program.exits(0);
});
