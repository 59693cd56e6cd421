/**
 * The behaviour of a listener and its connections, of Deno's own and of adopted ones. As a
 * program, it runs on the sockets that it was activated with, over TLS if the variable
 * TLS is set.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { listen, listenFds, listenTls } from "../../activation/mod.ts";
import { dial } from "../support/activate.ts";
import { runCases } from "../support/activated_suite.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { untilSteady } from "../support/eventually.ts";
import {
  assertSameBytes,
  readText,
  receiveAll,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { Random } from "../support/random.ts";

export type AnyListener = Deno.Listener<Deno.Conn>;

/** One behaviour, as a program written for `Deno.listen()` relies on it. */
type Case = (
  listener: AnyListener,
  dial: () => Promise<Deno.Conn>,
) => Promise<void>;

const { BadResource, BrokenPipe, Busy, ConnectionReset, Interrupted } =
  Deno.errors;

/** More than the kernel and the transports queue. */
const TOO_MUCH = 16 * 1024 * 1024;

const OF_LISTENERS: Record<string, Case> = {
  async "for await yields connections in order"(listener, dial) {
    using peers = new DisposableStack();
    for (const sent of ["0", "1", "2"]) {
      await send(peers.use(await dial()), sent);
    }
    const seen: (string | null)[] = [];
    for await (using conn of listener) {
      if (seen.push(await readText(conn)) === 3) break;
    }
    assertEquals(seen, ["0", "1", "2"]);
    assertThrows(() => listener.close(), BadResource);
  },
  async "close rejects a pending accept with BadResource"(listener) {
    const waiting = assertRejects(() => listener.accept(), BadResource);
    listener.close();
    await waiting;
    await assertRejects(() => listener.accept(), BadResource);
    assertThrows(() => listener.close(), BadResource);
    listener[Symbol.dispose]();
  },
  async "close ends a for await"(listener, dial) {
    let count = 0;
    const loop = (async () => {
      for await (using _conn of listener) count += 1;
    })();
    using peer = await dial();
    assertEquals(await readText(peer), null);
    listener.close();
    await loop;
    assertEquals(count, 1);
  },
  async "an accept during another is refused with Busy"(listener, dial) {
    const first = listener.accept();
    await assertRejects(() => listener.accept(), Busy);
    using _peer = await dial();
    using _conn = await first;
  },
  async "ref and unref may be called at any time"(listener, dial) {
    listener.unref();
    listener.ref();
    const [conn, peer] = await Promise.all([listener.accept(), dial()]);
    conn.unref();
    conn.ref();
    await send(peer, "x");
    assertEquals(await readText(conn), "x");
    conn.close();
    peer.close();
    listener.close();
    listener.unref();
    listener.ref();
  },
};

type ConnCase = (
  ...ends: [conn: Deno.Conn, peer: Deno.Conn, listener: AnyListener]
) => Promise<void> | void;

const OF_CONNECTIONS: Record<string, ConnCase> = {
  async "a connection survives its listener"(conn, peer, listener) {
    listener.close();
    await send(peer, "still");
    assertEquals(await readText(conn), "still");
    await send(conn, "here");
    assertEquals(await readText(peer), "here");
  },
  "addresses name the transport"(conn, peer, listener) {
    assertEquals(conn.localAddr.transport, listener.addr.transport);
    assertEquals(conn.remoteAddr.transport, listener.addr.transport);
    if (listener.addr.transport === "tcp") {
      assertEquals(conn.localAddr, peer.remoteAddr);
      assertEquals(conn.remoteAddr, peer.localAddr);
    }
  },
  async "small buffers get the bytes in order, empty ones none"(conn, peer) {
    assertEquals(await conn.read(new Uint8Array(0)), 0);
    assertEquals(await conn.write(new Uint8Array(0)), 0);
    await send(peer, "abcdefgh");
    await peer.closeWrite();
    let all = "";
    for (let part; (part = await readText(conn, 3)) !== null;) {
      assert(part.length <= 3);
      all += part;
    }
    assertEquals(all, "abcdefgh");
    assertEquals(await readText(conn), null);
  },
  async "a half-closed peer gets the last bytes"(conn, peer) {
    await send(peer, "question");
    await peer.closeWrite();
    assertEquals(await receiveAllText(conn), "question");
    await send(conn, "answer");
    conn.close();
    assertEquals(await receiveAllText(peer), "answer");
  },
  async "closeWrite ends writes, and reads continue"(conn, peer) {
    await send(conn, "last");
    await conn.closeWrite();
    await conn.closeWrite();
    assertEquals(await receiveAllText(peer), "last");
    await assertRejects(() => send(conn, "more"), BrokenPipe);
    await send(peer, "reply");
    assertEquals(await readText(conn), "reply");
  },
  async "close interrupts a pending read; later, all methods but dispose throw BadResource"(
    conn,
  ) {
    const reading = assertRejects(() => readText(conn), Interrupted);
    conn.close();
    await reading;
    await assertRejects(() => readText(conn), BadResource);
    await assertRejects(() => send(conn, "x"), BadResource);
    await assertRejects(() => conn.closeWrite(), BadResource);
    assertThrows(() => conn.close(), BadResource);
    conn[Symbol.dispose]();
  },
  async "writing to a closed peer fails"(conn, peer) {
    peer.close();
    const error = await assertRejects(async () => {
      for (let i = 0; i < 1000; i++) await conn.write(new Uint8Array(65_536));
    });
    assert(
      error instanceof BrokenPipe || error instanceof ConnectionReset,
      `got ${error}`,
    );
  },
  async "megabytes pass both ways at once"(conn, peer) {
    const there = new Random(1).bytes(1_000_000);
    const back = new Random(2).bytes(800_000);
    const [gotThere, gotBack] = await Promise.all([
      receiveAll(conn),
      receiveAll(peer),
      send(peer, there).then(() => peer.closeWrite()),
      send(conn, back).then(() => conn.closeWrite()),
    ]);
    assertSameBytes(gotThere, there);
    assertSameBytes(gotBack, back);
  },
  async "concurrent writes arrive whole, in order, before the end"(conn, peer) {
    const parts = [1, 2, 3].map((part) => new Uint8Array(200_000).fill(part));
    // Each write may take a part only, as Deno's own do.
    const writes = Promise.all(parts.map((part) => conn.write(part)));
    const ended = writes.then(() => conn.closeWrite());
    const got = await receiveAll(peer);
    await ended;
    const counts = await writes;
    const taken = parts.map((part, i) => part.subarray(0, counts[i]));
    assertSameBytes(got, await new Blob(taken).bytes());
  },
  "writes wait for a peer that does not read": waitsForReader,
  async "a peer's writes wait for a connection that is not read"(conn, peer) {
    // From here on, its transport is reading.
    await send(peer, "x");
    await readText(conn);
    await waitsForReader(peer, conn);
  },
  async "an echo of streams closes the connection"(conn, peer) {
    assert(conn.readable === conn.readable && conn.writable === conn.writable);
    const sent = new Random(3).bytes(500_000);
    const [got] = await Promise.all([
      receiveAll(peer),
      conn.readable.pipeTo(conn.writable),
      send(peer, sent).then(() => peer.closeWrite()),
    ]);
    assertSameBytes(got, sent);
    assertThrows(() => conn.close(), BadResource);
  },
  async "reading a readable to its end closes the connection"(conn, peer) {
    await send(peer, "all");
    peer.close();
    assertEquals(await new Response(conn.readable).text(), "all");
    assertThrows(() => conn.close(), BadResource);
  },
  async "cancelling a readable closes the connection"(conn) {
    await conn.readable.cancel();
    assertThrows(() => conn.close(), BadResource);
  },
  async "aborting a writable closes the connection"(conn) {
    await conn.writable.abort();
    assertThrows(() => conn.close(), BadResource);
  },
  "TCP connections take their socket options"(conn, _peer, listener) {
    if (listener.addr.transport !== "tcp") return;
    const tcp = conn as Deno.TcpConn;
    tcp.setNoDelay();
    tcp.setNoDelay(false);
    tcp.setKeepAlive(true);
  },
};

const ofConnection = (run: ConnCase): Case => async (listener, dial) => {
  const [accepted, dialled] = await Promise.all([listener.accept(), dial()]);
  using conn = accepted;
  using peer = dialled;
  await run(conn, peer, listener);
};

export const CASES: { name: string; run: Case }[] = [
  ...Object.entries(OF_LISTENERS).map(([name, run]) => ({ name, run })),
  ...Object.entries(OF_CONNECTIONS)
    .map(([name, run]) => ({ name, run: ofConnection(run) })),
];

/** TLS has no order among handshakes, and no options of TCP. */
export const TLS_CASES = CASES.filter(({ name }) =>
  !/^(for await yields|TCP connections)/.test(name)
);

/** Writes too much, and reads only when the writes wait: nothing is lost. */
async function waitsForReader(
  writer: Deno.Conn,
  reader: Deno.Conn,
): Promise<void> {
  let written = 0;
  const write = async () => {
    const chunk = new Uint8Array(64 * 1024);
    while (written < TOO_MUCH) written += await writer.write(chunk);
    await writer.closeWrite();
  };
  const writing = write();
  await untilSteady(() => written);
  assert(written < TOO_MUCH / 2, `${written} bytes were written unread`);
  const got = await receiveAll(reader);
  await writing;
  assertEquals(got.length, written);
}

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using _trigger = await listen(trigger!);
  if (Deno.env.has("TLS")) {
    await runCases(TLS_CASES, async ({ run }, i) => {
      using listener = await listenTls(sockets[i]!, { cert: CERT, key: KEY });
      const { hostname, port } = listener.addr;
      const options = { hostname, port, caCerts: [CERT] };
      await run(listener, () => Deno.connectTls(options));
    });
  }
  await runCases(CASES, async ({ run }, i) => {
    using listener = await listen(sockets[i]!);
    await run(listener, () => dial(Deno.args[i]!));
  });
}
