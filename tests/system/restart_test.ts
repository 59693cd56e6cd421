// The server stops and starts; clients do not notice.

import { assert, assertEquals } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import {
  assertSameBytes,
  echoOf,
  receive,
  receiveAllText,
  send,
} from "../support/peer.ts";
import { withRandom } from "../support/random.ts";
import { install, Machine } from "./machine.ts";

const SERVER = "ipc-server.service";

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot({
    prepare: async (tree) => {
      await install(tree);
      await tree.run(
        ...["systemctl", `--root=${tree.root}`, "enable"] as const,
        ...["ipc-server.socket", SERVER],
      );
    },
  });
  await machine.liftStartLimit();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

async function assertServed(): Promise<void> {
  using conn = await machine.connect();
  assertEquals(await echoOf(conn, "hello\n"), "hello\n");
}

Deno.test("an enabled server runs after the boot, without a connection", async () => {
  await machine.reaches(SERVER, "active (running)");
  await assertServed();
});

Deno.test("a stop during a connection is clean; the client gets EOF, and the next one a new server", async () => {
  using conn = await machine.connect();
  assertEquals(await echoOf(conn, "wait\n"), "wait\n");
  const began = performance.now();
  await machine.systemctl("stop", SERVER);
  const took = performance.now() - began;
  assert(took < 4000, `the stop took ${took} ms with an idle connection`);
  assertEquals(
    await machine.show(
      ...[SERVER, "ActiveState", "Result"] as const,
      ...["ExecMainCode", "ExecMainStatus"],
    ),
    // Code 1 is CLD_EXITED: it exited by itself, not by a signal.
    {
      ActiveState: "inactive",
      Result: "success",
      ExecMainCode: "1",
      ExecMainStatus: "0",
    },
  );
  assertEquals(await receiveAllText(conn), "");
  await assertServed();
});

/** Connects and closes until it is stopped; a restart may cut a connection. */
class Newcomers implements AsyncDisposable {
  served = 0;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor() {
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  /** @throws {Error} A connection was refused, or got wrong bytes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      using conn = await machine.connect();
      const line = `connection ${this.served}\n`;
      const echo = await echoOf(conn, line).catch((error) => {
        if (error instanceof Deno.errors.ConnectionReset) return "";
        if (error instanceof Deno.errors.BrokenPipe) return "";
        throw error;
      });
      assert(line.startsWith(echo), `sent ${line}, got ${echo}`);
      if (echo === line) this.served++;
    }
  }
}

Deno.test("twenty restarts, each with 100 peers and messages in flight, lose no byte and refuse no connection", async () => {
  await withRandom(async (random) => {
    await using newcomers = new Newcomers();
    const servers = new Set([await machine.mainPid(SERVER)]);
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
      servers.add(await machine.mainPid(SERVER));
    }
    const before = newcomers.served;
    await eventually(
      "connections are still served",
      () => newcomers.served,
      (served) => served > before,
    );
    await newcomers.stop();
    assertEquals(servers.size, 21);
    assertEquals(await machine.show(SERVER, "ActiveState", "Result"), {
      ActiveState: "active",
      Result: "success",
    });
  });
});
