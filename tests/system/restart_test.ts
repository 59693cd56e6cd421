// The server is restarted, and killed, while it serves peers: none is refused, and each
// gets its own bytes.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  isServed,
  receive,
  receiveAll,
  send,
} from "../support/peer.ts";
import { Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { enable, Machine, SERVER, SOCKET } from "./machine.ts";

const KILLS = SOAK_MINUTES === undefined ? 5 : 100;
/** The number of peers at a time. */
const PEERS = 20;

const machine = new Machine({ prepare: enable(SOCKET, SERVER) });
Deno.test.beforeAll(() => machine.startLimitInterval("0"));

Deno.test("an enabled server runs after the boot, without a connection", () =>
  machine.reaches(SERVER, "active (running)"));

/** Connects 100 peers, each of which sends a message. */
function sendMessages(random: Random) {
  return Promise.all(Array.from({ length: 100 }, async () => {
    const message = random.bytes(random.size());
    const conn = await machine.connect();
    await soon("the message has been sent", send(conn, message));
    return { conn, message };
  }));
}

Deno.test("twenty restarts, each with 100 peers and messages in flight, lose no byte and refuse no connection", () =>
  withRandom(async (random) => {
    let isOver = false;
    let served = 0;
    // A restart may cut a connection.
    const newcomers = (async () => {
      while (!isOver) if (await isServed(() => machine.connect())) served++;
    })();
    newcomers.catch(() => {});
    const servers = new Set([await machine.mainPid(SERVER)]);
    for (let restart = 0; restart < 20; restart++) {
      const peers = await sendMessages(random);
      // No echo has been read yet.
      const restarting = machine.systemctl("restart", SERVER);
      await Promise.all(peers.map(async ({ conn, message }) => {
        assertSameBytes(await receive(conn, message.length), message);
        conn.close();
      }));
      await restarting;
      servers.add(await machine.mainPid(SERVER));
    }
    const before = served;
    await eventually("others are served", () => served, (it) => it > before);
    isOver = true;
    await newcomers;
    assertEquals(servers.size, 21);
    await machine.shows(SERVER, { ActiveState: "active", Result: "success" });
  }));

/** A peer that sends in chunks of any size, half-closes, and reads the echo. */
async function exchange(random: Random): Promise<"served" | "cut"> {
  using conn = await machine.connect();
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
  let length = 0;
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let count; (count = await soon("the echo", conn.read(buffer)));) {
      const expected = bytes.subarray(length, length += count);
      assertSameBytes(buffer.subarray(0, count), expected);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return length === bytes.length ? "served" : "cut";
}

/** Sends a signal to the server, and returns the pid that it had. */
async function kill(signal: string): Promise<number> {
  const pid = await machine.mainPid(SERVER);
  await machine.run(`kill -${signal} ${pid}`);
  return pid;
}

Deno.test("clients cut off by a kill got only their own bytes, and none is refused", () =>
  withRandom(async (random) => {
    const tally = { served: 0, cut: 0 };
    let isOver = false;
    const peers = Promise.all(Array.from({ length: PEERS }, async () => {
      const own = new Random(random.next());
      while (!isOver) tally[await exchange(own)]++;
    }));
    peers.catch(() => isOver = true);
    for (let kills = 0; kills < KILLS && !isOver; kills++) {
      const enough = tally.served + 1 + random.next() % 20;
      await eventually(
        "peers are served",
        () => tally.served,
        (served) => served >= enough || isOver,
      );
      const killed = await kill("KILL");
      await eventually(
        "systemd has started another server",
        () => machine.mainPid(SERVER),
        (pid) => pid !== killed && pid !== 0,
      );
    }
    isOver = true;
    await peers;
    if (SOAK_MINUTES !== undefined) console.log(`${KILLS} kills:`, tally);
    assert(tally.cut > 0, "no peer was cut off: nothing was tested");
    assert(tally.cut <= KILLS * PEERS, `${tally.cut} were cut off`);
  }));

Deno.test("peers that the killed server had not accepted are served by the next one, to the byte", () =>
  withRandom(async (random) => {
    assertEquals(await exchange(random), "served");
    const hanging = await kill("STOP");
    const peers = await sendMessages(random);
    for (const { conn } of peers) await conn.closeWrite();
    await kill("KILL");
    await Promise.all(peers.map(async ({ conn, message }) => {
      assertSameBytes(await receiveAll(conn), message);
      conn.close();
    }));
    assertNotEquals(await machine.mainPid(SERVER), hanging);
    await machine.reaches(SOCKET, "active (running)");
  }));
