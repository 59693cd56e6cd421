// The server is killed repeatedly while it serves peers.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { assertSameBytes, receiveAll, send } from "../support/peer.ts";
import { Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { Machine } from "./machine.ts";

const SERVER = "ipc-server.service";

/** The number of kills. */
const KILLS = SOAK_MINUTES === undefined ? 5 : 100;

/** The number of peers at a time. */
const PEERS = 20;

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
  await machine.liftStartLimit();
  await machine.systemctl("start", "ipc-server.socket");
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** A peer that sends in chunks of any size, half-closes, and reads the echo. */
async function exchange(random: Random): Promise<"served" | "cut"> {
  const conn = await machine.connect();
  const bytes = random.bytes(random.next() % (256 * 1024));
  const sending = (async () => {
    for (let sent = 0; sent < bytes.length;) {
      const chunk = bytes.subarray(sent, sent + random.size());
      await send(conn, chunk);
      sent += chunk.length;
    }
    await conn.closeWrite();
  })();
  // It fails when the server is killed, which the receiving side sees as well.
  sending.catch(() => {});
  const received = new Uint8Array(bytes.length + 1);
  let length = 0;
  try {
    while (length < received.length) {
      const count = await soon(
        `the echo goes on, or ends, after ${length} of ${bytes.length} bytes`,
        conn.read(received.subarray(length)),
      );
      if (count === null) break;
      length += count;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  } finally {
    conn.close();
  }
  assertSameBytes(received.subarray(0, length), bytes.subarray(0, length));
  return length === bytes.length ? "served" : "cut";
}

/** Kills the server, and returns the pid that it had. */
async function kill(): Promise<number> {
  const pid = await machine.mainPid(SERVER);
  await machine.run("kill", "-KILL", String(pid));
  return pid;
}

Deno.test("clients cut off by a kill got only their own bytes, and none is refused", () =>
  withRandom(async (random) => {
    console.log(`SEED=${random.seed}`);
    const tally = { served: 0, cut: 0 };
    let stopped = false;
    const peers = Promise.all(Array.from({ length: PEERS }, async () => {
      const own = new Random(random.next());
      while (!stopped) tally[await exchange(own)]++;
    }));
    peers.catch(() => stopped = true);

    for (let kills = 0; kills < KILLS && !stopped; kills++) {
      const enough = tally.served + 1 + random.next() % 20;
      await eventually(
        "peers are served",
        () => tally.served,
        (served) => served >= enough || stopped,
      );
      const killed = await kill();
      await eventually(
        "systemd has seen it",
        () => machine.mainPid(SERVER),
        (pid) => pid !== killed,
      );
    }
    stopped = true;
    await peers;
    if (SOAK_MINUTES !== undefined) console.log(`${KILLS} kills:`, tally);
    assert(tally.cut > 0, "no peer was cut off: nothing was tested");
    assert(tally.cut <= KILLS * PEERS, `${tally.cut} were cut off`);
  }));

Deno.test("peers that the killed server had not accepted are served by the next one, to the byte", () =>
  withRandom(async (random) => {
    assertEquals(await exchange(random), "served");
    const hanging = await machine.mainPid(SERVER);
    await machine.run("kill", "-STOP", String(hanging));
    const messages = Array.from(
      { length: 100 },
      () => random.bytes(random.size()),
    );
    const waiting = await Promise.all(messages.map(async (message) => {
      const conn = await machine.connect();
      await soon("the message waits in the kernel", send(conn, message));
      await conn.closeWrite();
      return conn;
    }));

    await machine.run("kill", "-KILL", String(hanging));

    await Promise.all(waiting.map(async (conn, i) => {
      assertSameBytes(await receiveAll(conn), messages[i]!);
      conn.close();
    }));
    assertNotEquals(await machine.mainPid(SERVER), hanging);
    assertEquals(
      await machine.show("ipc-server.socket", "ActiveState", "SubState"),
      { ActiveState: "active", SubState: "running" },
    );
  }));
