// More peers at once than the server accepts.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { echoOf, isServed } from "../support/peer.ts";
import { Lines } from "../support/program.ts";
import { Machine, SERVER, SOCKET, SOCKET_PATH } from "./machine.ts";

const CONNECTIONS = 8, WAITING = 4, BACKLOG = 8;

/** For these: 8 + 4 peers, 128 accepted at a time, 64 to spare. */
const ENOUGH = 204;
/** In a burst, all are in use for a moment. */
const TOO_FEW = 64;

const machine = new Machine();
Deno.test.beforeAll(async () => {
  await machine.dropIn(SOCKET, `[Socket]\nBacklog=${BACKLOG}`);
  const limits = `--max-connections ${CONNECTIONS} --max-waiting ${WAITING}`;
  const options = `--quiet ${limits} --backlog ${BACKLOG}`;
  await machine.options("ipc-server", options);
});

/**
 * Connects N peers at once, prints their number, and keeps the connections. While the
 * backlog is full, connect(2) blocks: that of Deno fails.
 */
const PEERS = `
import concurrent.futures, socket, sys, threading
threading.stack_size(64 * 1024)
def connect(_):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("${SOCKET_PATH}")
    return peer
count = int(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(count) as pool:
    peers = list(pool.map(connect, range(count)))
print(len(peers), flush=True)
sys.stdin.read()`;

/** The CPU time that a process has used, in clock ticks. */
async function ticks(pid: number): Promise<number> {
  const stat = await machine.run(`cat /proc/${pid}/stat`);
  const [user, system] = stat.split(" ").slice(13, 15).map(Number);
  return user! + system!;
}

const statusIs = (pattern: RegExp) =>
  eventually(
    `the status is ${pattern}`,
    () => machine.show(SERVER, "StatusText"),
    (status) => pattern.test(status),
    { within: 60_000 },
  );

for (const descriptors of [ENOUGH, TOO_FEW]) {
  Deno.test(`with ${descriptors} descriptors, served connections and the server survive ten times more peers`, async () => {
    await machine.systemctl("stop", SERVER, SOCKET);
    const earlier = (await machine.journal(SERVER)).length;
    const limit = `[Service]\nLimitNOFILE=${descriptors}`;
    await machine.dropIn(SERVER, limit);
    await machine.systemctl("start", SOCKET);
    const conns = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => machine.connect()),
    );
    const allServed = async (text: string) => {
      for (const conn of conns) assertEquals(await echoOf(conn, text), text);
    };
    await allServed("a");
    const pid = await machine.mainPid(SERVER);

    const peers = `${10 * descriptors}`;
    const burst = machine.spawn("python3", "-c", PEERS, peers);
    const connected = new Lines("the burst", burst.stdout);
    await allServed("b");
    assertEquals(await connected.atLeast(1), [peers]);
    await allServed("c");
    // Not a wait: the processor time of one second is the tested condition.
    const before = await ticks(pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const used = await ticks(pid) - before;
    assert(used <= 10, `${used} of 100 clock ticks used by doing nothing`);
    await Promise.all([burst.stdin.close(), burst.status, connected.ended]);

    await statusIs(/^8 open, 8 served/);
    conns.pop()!.close();
    await eventually(
      "a new connection is served after another was closed",
      () => isServed(() => machine.connect()),
      (served) => served,
    );
    await allServed("d");
    for (const conn of conns) conn.close();
    for (let round = 0; round < 3 * (CONNECTIONS + WAITING); round++) {
      assert(await isServed(() => machine.connect()), `round ${round}`);
    }
    assertEquals(await machine.mainPid(SERVER), pid);
    await statusIs(/^0 open, \d+ served, \d+ bytes received$/);

    const lines = (await machine.journal(SERVER)).slice(earlier);
    const closed = lines.filter((line) => line.startsWith("Closed "));
    assert(closed.length > 0, "closed connections were not reported");
    for (const line of closed) {
      assertMatch(line, /^Closed \d+ connections?: 8 are served and 4 wait/);
    }
  });
}

Deno.test("with too few descriptors for the open connections the server warns once, with the limit that it needs", async () => {
  await machine.systemctl("stop", SERVER, SOCKET);
  const earlier = (await machine.journal(SERVER)).length;
  await machine.dropIn(SERVER, `[Service]\nLimitNOFILE=${TOO_FEW}`);
  await machine.run("rm /etc/default/ipc-server");
  await machine.systemctl("start", SOCKET);
  using first = await machine.connect();
  assertEquals(await echoOf(first, "a"), "a");
  const warnings = async () =>
    (await machine.journal(SERVER)).slice(earlier)
      .filter((line) => line.startsWith("No file descriptor is free: "));
  const burst = machine.spawn("python3", "-c", PEERS, `${2 * TOO_FEW}`);
  const [warning] = await eventually(
    "the server has warned",
    warnings,
    ({ length }) => length > 0,
  );
  assertMatch(
    warning!,
    /set LimitNOFILE= of the service to at least 6208, for 4096 connections and 1024 waiting/,
  );
  assertEquals(await echoOf(first, "b"), "b");
  await burst.stdin.close();
  await burst.output();
  await statusIs(/^1 open, /);
  assertEquals((await warnings()).length, 1);
});
