// Whatever one peer does, the others don't notice, and the server lives on.

import { assert, assertEquals } from "@std/assert";
import { createConnection } from "node:net";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, echoOf, receive, send } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { ActivatedServer, type Kind, KINDS } from "./activated_server.ts";

const MEBIBYTE = 1024 * 1024;
const STREAMS: Kind[] = ["unix path", "IPv4"];

/** Sends without reading, and counts the bytes that the kernel takes. */
class DeafPeer implements Disposable {
  taken = 0;
  readonly conn: Deno.Conn;
  readonly #sending: Promise<void>;

  constructor(conn: Deno.Conn, bytes: Uint8Array) {
    this.conn = conn;
    this.#sending = this.#send(bytes);
    // To be cut off is how such a peer may end.
    this.#sending.catch(() => {});
  }

  /** Waits until everything is sent. */
  async sent(): Promise<void> {
    await soon("all bytes are sent", this.#sending, { within: 30_000 });
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    while (this.taken < bytes.length) {
      const end = this.taken + 64 * 1024;
      this.taken += await this.conn.write(bytes.subarray(this.taken, end));
    }
  }
}

/** Waits until the server takes nothing more of a peer, though it serves others. */
async function comesToAHalt(peer: DeafPeer, other: Deno.Conn): Promise<void> {
  await eventually(
    "the server takes nothing more of a peer that does not read",
    async () => {
      const before = peer.taken;
      for (let round = 0; round < 20; round++) await echoOf(other, "tick\n");
      return peer.taken - before;
    },
    (more) => more === 0,
    { within: 30_000 },
  );
}

for (const kind of STREAMS) {
  Deno.test(`peers that never read stop neither the others over ${kind}, nor do they fill the memory`, async () => {
    await withRandom(async (random) => {
      await using server = await ActivatedServer.listen({ kind });
      using other = await server.connect();
      const flood = random.bytes(100 * MEBIBYTE);
      // Excludes the memory that echoing needs anyway.
      const [warm] = await Promise.all([
        receive(other, 10 * MEBIBYTE),
        send(other, flood.subarray(0, 10 * MEBIBYTE)),
      ]);
      assertEquals(warm.length, 10 * MEBIBYTE);
      const before = server.peakMemory();

      using open = new DisposableStack();
      const peers: DeafPeer[] = [];
      for (let count = 0; count < 5; count++) {
        peers.push(open.use(new DeafPeer(await server.connect(), flood)));
      }
      for (const peer of peers) await comesToAHalt(peer, other);

      for (const { taken } of peers) {
        assert(taken < 50 * MEBIBYTE, `it took ${taken} bytes unread`);
      }
      using later = await server.connect();
      assertEquals(await echoOf(later, "and me?\n"), "and me?\n");
      const grown = server.peakMemory() - before;
      assert(grown < 40, `its memory grew by ${grown} MiB`);
    });
  });
}

Deno.test("a peer that reads late gets every byte", async () => {
  await withRandom(async (random) => {
    await using server = await ActivatedServer.listen();
    using other = await server.connect();
    const bytes = random.bytes(10 * MEBIBYTE);
    using late = new DeafPeer(await server.connect(), bytes);
    await comesToAHalt(late, other);
    assert(late.taken < bytes.length, "all was taken before anything was read");

    assertSameBytes(await receive(late.conn, bytes.length), bytes);
    await late.sent();
  });
});

for (const kind of KINDS) {
  Deno.test(`peers that reset by closing with unread echoes over ${kind} affect no other`, async () => {
    await using server = await ActivatedServer.listen({ kind });
    using other = await server.connect();
    for (let round = 0; round < 20; round++) {
      const conn = await server.connect();
      using resetting = new DeafPeer(conn, new Uint8Array(MEBIBYTE));
      await eventually(
        "something has been sent",
        () => resetting.taken,
        (taken) => taken > 0,
      );
      const line = `round ${round}\n`;
      assertEquals(await echoOf(other, line), line);
    }
    assertEquals(await echoOf(other, "the end\n"), "the end\n");
    assert(server.program.running);
    assertEquals(server.complaints(), []);
  });
}

Deno.test("a TCP peer that resets during an echo affects no other", async () => {
  await using server = await ActivatedServer.listen({ kind: "IPv4" });
  using other = await server.connect();
  const [host, port] = server.address.split(":");
  for (let round = 0; round < 20; round++) {
    const line = `round ${round}\n`;
    const socket = createConnection(Number(port), host);
    await soon(
      "an echo has come",
      new Promise((resolve, reject) => {
        socket.once("data", resolve).once("error", reject);
        socket.write(new Uint8Array(MEBIBYTE));
      }),
    );
    const closed = new Promise((resolve) => socket.once("close", resolve));
    // SO_LINGER with no time: the kernel sends RST instead of FIN.
    socket.resetAndDestroy();
    await soon("the connection is reset", closed);
    assertEquals(await echoOf(other, line), line);
  }
  assertEquals(server.complaints(), []);
});

Deno.test("200 peers that connect and close without sending affect no other", async () => {
  await using server = await ActivatedServer.listen();
  using other = await server.connect();
  for (let count = 0; count < 200; count++) (await server.connect()).close();
  assertEquals(await echoOf(other, "alone again\n"), "alone again\n");
  assertEquals(server.complaints(), []);
});
