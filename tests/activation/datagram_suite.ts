/**
 * The behaviour of a UDP socket, of Deno's own and of adopted ones. As a program, it runs
 * on the sockets that it was activated with.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type AdoptedDatagramConn,
  listenDatagram,
  listenFds,
} from "../../mod.ts";
import { runCases } from "../support/activated_suite.ts";
import { soon } from "../support/eventually.ts";

export type AnyDatagramConn =
  & Pick<AdoptedDatagramConn, "send" | "close">
  & { receive(p?: Uint8Array): Promise<[Uint8Array, Deno.Addr]> }
  & AsyncIterable<[Uint8Array, Deno.Addr]>
  & { readonly addr: Deno.Addr };

/** One behaviour. `peer` is another socket of the same family. */
type Case = (conn: AnyDatagramConn, peer: AnyDatagramConn) => Promise<void>;

/** Over IPv4; over IPv6, some bytes more. */
const LARGEST = 65_507;
const TOO_LARGE = 70_000;

const receive = (conn: AnyDatagramConn, into?: Uint8Array) =>
  soon("a datagram is received", conn.receive(into));

const BY_NAME: Record<string, Case> = {
  async "a datagram is received with the address of its sender"(conn, peer) {
    const receiving = receive(conn);
    assertEquals(await peer.send(Uint8Array.of(1, 2), conn.addr), 2);
    const [bytes, from] = await receiving;
    assertEquals(bytes, Uint8Array.of(1, 2));
    const { transport, hostname, port } = peer.addr as Deno.NetAddr;
    assertEquals({ ...from }, { transport, hostname, port });
    assertEquals(transport as string, "udp");
    assertEquals(await conn.send(Uint8Array.of(3), from), 1);
    const [reply, { ...source }] = await receive(peer);
    assertEquals([reply, source], [Uint8Array.of(3), { ...conn.addr }]);
  },
  async "empty datagrams and the largest are received, larger ones refused"(
    conn,
    peer,
  ) {
    const tooLarge = new Uint8Array(TOO_LARGE);
    for (const length of [0, LARGEST, 0]) {
      const sent = new Uint8Array(length).fill(7);
      assertEquals(await peer.send(sent, conn.addr), length);
      const [bytes] = await receive(conn, new Uint8Array(LARGEST + 1));
      assertEquals(bytes, sent);
      for (const end of [conn, peer]) {
        await assertRejects(() => end.send(tooLarge, peer.addr), Error);
      }
    }
  },
  async "a datagram that exceeds the buffer is cut"(conn, peer) {
    for (const byte of [1, 2]) {
      await peer.send(new Uint8Array(10).fill(byte), conn.addr);
      const buffer = new Uint8Array(3);
      const [bytes] = await receive(conn, buffer);
      assertEquals(bytes, new Uint8Array(3).fill(byte));
      assert(bytes.buffer === buffer.buffer);
    }
  },
  async "iteration receives in order, and ends with the socket"(conn, peer) {
    for (let i = 0; i < 100; i++) {
      await peer.send(Uint8Array.of(i), conn.addr);
    }
    let count = 0;
    const iterate = async () => {
      for await (const [bytes] of conn) {
        assertEquals(bytes, Uint8Array.of(count));
        if (++count === 100) conn.close();
      }
    };
    await soon("the iteration has ended", iterate());
    assertEquals(count, 100);
  },
  async "close() rejects a pending receive, and all later calls fail"(
    conn,
    peer,
  ) {
    const pending = conn.receive();
    conn.close();
    await assertRejects(() => pending, Deno.errors.Interrupted);
    await assertRejects(() => conn.receive(), Deno.errors.BadResource);
    const sending = () => conn.send(new Uint8Array(1), peer.addr);
    await assertRejects(sending, Deno.errors.BadResource);
    assertThrows(() => conn.close(), Deno.errors.BadResource);
    for await (const _ of conn) throw new Error("It is closed");
  },
};

export const CASES = Object.entries(BY_NAME)
  .map(([name, run]) => ({ name, run }));

if (import.meta.main) {
  const [trigger, ...sockets] = listenFds();
  using first = await listenDatagram(trigger!);
  await first.receive();
  const { hostname } = first.addr;
  await runCases(CASES, async ({ run }, i) => {
    using conn = await listenDatagram(sockets[i]!);
    const peer = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    await run(conn, peer).finally(() => peer.close());
  });
}
