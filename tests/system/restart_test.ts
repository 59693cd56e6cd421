// The server stops and starts; its clients do not notice.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { soon } from "../support/eventually.ts";
import { assertSameBytes, receive, send } from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { Load, sendAndReceive } from "./load.ts";
import { install, Machine } from "./machine.ts";

const SERVER = "ipc-server.service";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      await install(tree);
      await tree.run(
        "systemctl",
        `--root=${tree.root}`,
        "enable",
        "ipc-server.socket",
        SERVER,
      );
    },
  });
  await machine.liftStartLimit();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Connects, sends a text and expects its echo. */
async function assertServed(): Promise<void> {
  const conn = await machine.connect();
  try {
    const echo = await soon(
      "the echo has come back",
      sendAndReceive(conn, "hello\n"),
    );
    assertEquals(echo, "hello\n");
  } finally {
    conn.close();
  }
}

Deno.test("an enabled server runs after the boot, without a connection", async () => {
  await machine.reaches(SERVER, "active (running)");
  await assertServed();
});

Deno.test("a stop during a connection is clean, and the client gets EOF", async () => {
  const conn = await machine.connect();
  assertEquals(
    await soon("the echo has come back", sendAndReceive(conn, "wait\n")),
    "wait\n",
  );

  const began = performance.now();
  await machine.systemctl("stop", SERVER);
  const took = performance.now() - began;

  assert(took < 4000, `an idle connection held the stop up for ${took} ms`);
  assertEquals(
    await machine.show(
      SERVER,
      "ActiveState",
      "Result",
      "ExecMainCode",
      "ExecMainStatus",
    ),
    // Code 1 is CLD_EXITED: it ended by itself, not by a signal.
    {
      ActiveState: "inactive",
      Result: "success",
      ExecMainCode: "1",
      ExecMainStatus: "0",
    },
  );
  const end = await soon(
    "the connection has ended",
    conn.read(new Uint8Array(1)),
  );
  conn.close();
  assertEquals(end, null);
});

Deno.test("the next connection starts a stopped server again", async () => {
  await machine.systemctl("stop", SERVER);
  await machine.reaches("ipc-server.socket", "active (listening)");
  await assertServed();
  await machine.reaches(SERVER, "active (running)");
});

Deno.test("after a kill no connection is refused, and the next one is served", async () => {
  await using load = new Load(machine);
  await load.goesOn();
  const { NRestarts } = await machine.show(SERVER, "NRestarts");
  const killed = await machine.mainPid(SERVER);

  await machine.run("kill", "-KILL", String(killed));
  await assertServed();
  await load.goesOn();

  const { refused, failed, cut } = await load.stop();
  assertEquals({ refused, failed }, { refused: [], failed: [] });
  assert(cut <= load.clients, `${cut} connections were cut`);
  const now = await machine.mainPid(SERVER);
  assertNotEquals(now, killed);
  assertNotEquals(now, 0);
  assertEquals(await machine.show(SERVER, "NRestarts"), {
    NRestarts: String(Number(NRestarts) + 1),
  });
});

Deno.test("ten restarts under load refuse no connection, and answer each", async () => {
  await using load = new Load(machine);
  const servers = new Set([await machine.mainPid(SERVER)]);
  for (let restart = 0; restart < 10; restart++) {
    await load.goesOn();
    await machine.systemctl("restart", SERVER);
    servers.add(await machine.mainPid(SERVER));
  }
  await load.goesOn();

  const { refused, failed, cut } = await load.stop();
  assertEquals({ refused, failed }, { refused: [], failed: [] });
  // A restart may cut only connections that were accepted and not yet read.
  assert(cut <= 10 * load.clients, `${cut} connections were cut`);
  assertEquals(servers.size, 11);
  assertEquals(await machine.show(SERVER, "ActiveState", "Result"), {
    ActiveState: "active",
    Result: "success",
  });
});

Deno.test("twenty restarts, each with 100 peers and messages in flight, lose no byte and refuse no connection", async () => {
  await withRandom(async (random) => {
    await using newcomers = new Load(machine, { clients: 2 });
    for (let restart = 0; restart < 20; restart++) {
      const messages = Array.from(
        { length: 100 },
        () => random.bytes(random.size()),
      );
      const peers = await Promise.all(messages.map(async (message) => {
        const conn = await machine.connect();
        await soon("the message has been sent", send(conn, message));
        return conn;
      }));
      // No echo has been read yet.
      const restarting = machine.systemctl("restart", SERVER);
      await Promise.all(peers.map(async (conn, i) => {
        const message = messages[i]!;
        assertSameBytes(await receive(conn, message.length), message);
        conn.close();
      }));
      await restarting;
    }
    await newcomers.goesOn();
    const { refused, failed } = await newcomers.stop();
    assertEquals({ refused, failed }, { refused: [], failed: [] });
  });
});
