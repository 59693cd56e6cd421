// Every byte is echoed, in order, on every kind of socket.

import { assertEquals } from "@std/assert";
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
import { ActivatedServer, KINDS } from "./activated_server.ts";

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
  Deno.test(`10 MiB of random bytes are echoed over ${kind} while they are sent`, async () => {
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
      assertEquals(server.complaints(), []);
    });
  });

  Deno.test(`a peer that ends its side over ${kind} gets all of it back, then the end`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      using conn = await server.connect();
      const bytes = random.bytes(MEBIBYTE);

      const sending = send(conn, bytes).then(() => conn.closeWrite());
      const echo = await receiveAll(conn);
      await sending;

      assertSameBytes(echo, bytes);
    });
  });
}

Deno.test("a peer that ends its side before it reads anything gets all of it back", async () => {
  await using server = await ActivatedServer.listen();
  using conn = await server.connect();
  await send(conn, "all that I have to say\n");
  await conn.closeWrite();
  assertEquals(await receiveAllText(conn), "all that I have to say\n");
});

Deno.test("a peer that ends its side while the server is held up gets all of it back", async () => {
  await withRandom(async (random) => {
    await using server = await ActivatedServer.listen();
    using conn = await server.connect();
    // More than the way back holds, and less than both ways and the server do.
    const bytes = random.bytes(320 * 1024);
    await soon("all is sent", send(conn, bytes));
    await conn.closeWrite();
    assertSameBytes(await receiveAll(conn), bytes);
  });
});

Deno.test("a peer that half-closes without sending gets EOF, and nothing else", async () => {
  await using server = await ActivatedServer.listen();
  using conn = await server.connect();
  await conn.closeWrite();
  assertEquals(await receiveAllText(conn), "");
});

Deno.test("500 concurrent peers each get their own bytes", async () => {
  await withRandom(async (random) => {
    await using server = await ActivatedServer.listen();
    using open = new DisposableStack();
    const peers = [];
    for (let index = 0; index < 500; index++) {
      const conn = open.use(await server.connect());
      peers.push({ conn, bytes: random.bytes(4096), line: `peer ${index}\n` });
    }

    // All of them are served before the first one is done.
    await Promise.all(peers.map(async ({ conn, line }) => {
      assertEquals(await echoOf(conn, line), line);
    }));
    await Promise.all(peers.map(async ({ conn, bytes }) => {
      await send(conn, bytes);
      await conn.closeWrite();
    }));
    await Promise.all(peers.map(async ({ conn, bytes }) => {
      assertSameBytes(await receive(conn, bytes.length + 1), bytes);
    }));
  });
});
