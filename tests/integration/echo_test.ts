// Every byte is echoed on every kind of socket; tests/server has the cases of "close".

import { assertEquals } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { assertSameBytes, echoOf, receiveAll, send } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { ActivatedServer } from "./activated_server.ts";

for (const kind of KINDS) {
  for (const ending of ["a half-close", "close"]) {
    Deno.test(`10 MiB in chunks of random sizes are echoed over ${kind}, up to ${ending}`, () =>
      withRandom(async (random) => {
        await using server = await ActivatedServer.listen({ kind });
        using conn = await server.dial();
        const bytes = random.bytes(10 * 1024 * 1024);
        if (ending === "close") {
          bytes.set(new TextEncoder().encode("close"), bytes.length - 5);
        }
        const sending = (async () => {
          for (let sent = 0; sent < bytes.length;) {
            const end = sent + random.size();
            sent += await conn.write(bytes.subarray(sent, end));
          }
          if (ending !== "close") await conn.closeWrite();
        })();
        assertSameBytes(await receiveAll(conn), bytes);
        await sending;
        assertEquals(server.complaints(), []);
      }));
  }
}

Deno.test("500 concurrent peers each get their own bytes", async () => {
  await using server = await ActivatedServer.listen();
  using open = new DisposableStack();
  const peers: Deno.Conn[] = [];
  while (peers.length < 500) peers.push(open.use(await server.dial()));
  // All of them are served before the first one disconnects.
  await Promise.all(peers.map(async (conn, i) => {
    assertEquals(await echoOf(conn, `peer ${i}\n`), `peer ${i}\n`);
  }));
  await Promise.all(peers.map(async (conn, i) => {
    await send(conn, `${i} leaves\n`.repeat(400));
    await conn.closeWrite();
    const echo = new TextDecoder().decode(await receiveAll(conn));
    assertEquals(echo, `${i} leaves\n`.repeat(400));
  }));
});
