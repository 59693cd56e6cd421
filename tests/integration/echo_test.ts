// Every byte is echoed, in order, on every kind of socket; "close" loses none.

import { assert, assertEquals } from "@std/assert";
import { KINDS } from "../support/activate.ts";
import { soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receive,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { type Random, withRandom } from "../support/random.ts";
import { ActivatedServer } from "./activated_server.ts";

const MEBIBYTE = 1024 * 1024;

async function sendInRandomChunks(
  conn: Deno.Conn,
  bytes: Uint8Array,
  random: Random,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await conn.write(bytes.subarray(sent, sent + random.size()));
  }
}

async function receiveInRandomChunks(
  conn: Deno.Conn,
  length: number,
  random: Random,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let received = 0;
  while (received < length) {
    const end = received + random.size();
    const count = await conn.read(bytes.subarray(received, end));
    if (count === null) break;
    received += count;
  }
  return bytes.subarray(0, received);
}

for (const kind of KINDS) {
  Deno.test(`10 MiB of random bytes are echoed over ${kind}; a half-close ends the echo`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      using conn = await server.connect();
      const bytes = random.bytes(10 * MEBIBYTE);
      const [echo] = await soon(
        "all bytes are sent and received",
        Promise.all([
          receiveInRandomChunks(conn, bytes.length, random),
          sendInRandomChunks(conn, bytes, random),
        ]),
        { within: 30_000 },
      );
      assertSameBytes(echo, bytes);
      await conn.closeWrite();
      assertEquals(await receiveAllText(conn), "");
      assertEquals(server.complaints(), []);
    });
  });

  Deno.test(`"close" at the end of 4 MiB over ${kind} is echoed after all of them`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      using conn = await server.connect();
      const burst = random.bytes(4 * MEBIBYTE);
      burst.set(new TextEncoder().encode("close"), burst.length - 5);
      const [echo] = await Promise.all([receiveAll(conn), send(conn, burst)]);
      assertSameBytes(echo, burst);
    });
  });

  Deno.test(`over ${kind}, bytes behind "close" do not take back the echo before it`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    using conn = await server.connect();
    const text = `${"x".repeat(100_000)}close`;
    const behind = "y".repeat(50_000);
    // All is sent before the first read, so a lost byte stays lost.
    await soon("all is sent", send(conn, text + behind));
    const echo = await receiveAllText(conn);
    assert(echo.startsWith(text), `only ${echo.length} bytes came back`);
    assert((text + behind).startsWith(echo), "other bytes came back");
  });

  Deno.test(`over ${kind}, a peer that sends on after "close" gets its echo and EOF`, async () => {
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

Deno.test("500 concurrent peers each get their own bytes", async () => {
  await withRandom(async (random) => {
    await using server = await ActivatedServer.listen();
    using open = new DisposableStack();
    const peers = [];
    for (let index = 0; index < 500; index++) {
      const conn = open.use(await server.connect());
      peers.push({ conn, bytes: random.bytes(4096), line: `peer ${index}\n` });
    }
    // All of them are served before the first one disconnects.
    await Promise.all(peers.map(async ({ conn, line }) => {
      assertEquals(await echoOf(conn, line), line);
    }));
    await Promise.all(peers.map(async ({ conn, bytes }) => {
      await send(conn, bytes);
      await conn.closeWrite();
      assertSameBytes(await receive(conn, bytes.length + 1), bytes);
    }));
  });
});
