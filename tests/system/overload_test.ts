// More peers at once than the server accepts.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { echoOf, isServed } from "../support/peer.ts";
import { Machine, SOCKET_PATH } from "./machine.ts";

const SERVER = "ipc-server.service";
const SOCKET = "ipc-server.socket";

const CONNECTIONS = 8, WAITING = 4, BACKLOG = 8;

/**
 * Fitted to these: 8 + 4 peers, 128 accepted at a time, 64 to spare. And what is
 * too small for a burst, so that there are none left for a moment.
 */
const DESCRIPTORS = [204, 64];

let machine: Machine;
Deno.test.beforeAll(async () => {
  machine = await Machine.boot();
});
Deno.test.afterAll(() => machine?.[Symbol.asyncDispose]());

/** Peers of `connect_at_once.py`, connected until they are disposed of. */
class ConnectedPeers implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;

  constructor(count: number) {
    this.#process = new Deno.Command("python3", {
      args: [
        `${import.meta.dirname}/connect_at_once.py`,
        machine.path(SOCKET_PATH),
        String(count),
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  }

  /** How many of them could connect, once all have tried. */
  async connected(): Promise<number> {
    const reader = this.#process.stdout.getReader();
    const { value } = await soon("every peer has tried", reader.read(), {
      within: 25_000,
    });
    reader.releaseLock();
    return Number(new TextDecoder().decode(value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    await this.#process.status;
    await this.#process.stdout.cancel();
  }
}

const comesAndGoes = () => isServed(() => machine.connect());

/** The CPU time that a process has used, in clock ticks. */
async function ticks(pid: number): Promise<number> {
  const stat = await machine.run("cat", `/proc/${pid}/stat`);
  const [user, system] = stat.split(" ").slice(13, 15).map(Number);
  return user! + system!;
}

for (const descriptors of DESCRIPTORS) {
  Deno.test(`with ${descriptors} descriptors, served connections and the server survive ten times more peers`, async () => {
    await survivesAttack(descriptors);
  });
}

async function survivesAttack(descriptors: number): Promise<void> {
  await machine.systemctl("stop", SERVER, SOCKET);
  const earlier = await machine.journal(SERVER);
  for (
    const [unit, ...lines] of [
      [SERVER, "[Service]", `LimitNOFILE=${descriptors}`],
      [SOCKET, "[Socket]", `Backlog=${BACKLOG}`],
    ] as const
  ) {
    await machine.run("mkdir", "-p", `/run/systemd/system/${unit}.d`);
    const path = `/run/systemd/system/${unit}.d/small.conf`;
    await machine.write(path, `${lines.join("\n")}\n`);
  }
  await machine.write(
    "/etc/default/ipc-server",
    `IPC_SERVER_OPTIONS=--quiet --max-connections ${CONNECTIONS} --max-waiting ${WAITING} --backlog ${BACKLOG}\n`,
  );
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", SOCKET);

  const served = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => machine.connect()),
  );
  for (const conn of served) assertEquals(await echoOf(conn, "a"), "a");
  const pid = await machine.mainPid(SERVER);

  {
    // As many as could be open at all, ten times.
    const peers = 10 * descriptors;
    await using burst = new ConnectedPeers(peers);
    for (const conn of served) assertEquals(await echoOf(conn, "b"), "b");
    assertEquals(await burst.connected(), peers);
    for (const conn of served) assertEquals(await echoOf(conn, "c"), "c");

    // What follows is about an amount of time: it has to pass.
    const before = await ticks(pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const used = await ticks(pid) - before;
    assert(used <= 10, `${used} of 100 clock ticks used by doing nothing`);
  }

  await eventually(
    "the waiting connections are closed",
    () => machine.show(SERVER, "StatusText"),
    ({ StatusText }) => StatusText!.startsWith("8 open, 8 served"),
  );

  served.pop()!.close();
  await eventually(
    "a new connection is served after another was closed",
    comesAndGoes,
    (served) => served,
  );
  for (const conn of served) {
    assertEquals(await echoOf(conn, "d"), "d");
    conn.close();
  }
  assertEquals(await machine.mainPid(SERVER), pid);

  const refused = (await machine.journal(SERVER)).slice(earlier.length)
    .filter(({ message }) => message.startsWith("Closed "));
  assert(refused.length > 0, "closed connections were not reported");
  for (const [i, { message, milliseconds }] of refused.entries()) {
    assertMatch(message, /^Closed \d+ connections?: 8 are served and 4 wait/);
    const pause = milliseconds - (refused[i - 1]?.milliseconds ?? -Infinity);
    assert(pause > 900, `logged again after ${pause} ms`);
  }
}

Deno.test("after the overload new peers are served", async () => {
  for (let round = 0; round < 3 * (CONNECTIONS + WAITING); round++) {
    assert(await comesAndGoes(), `round ${round}`);
  }
  const { StatusText } = await eventually(
    "the status has no open connection",
    () => machine.show(SERVER, "StatusText"),
    ({ StatusText }) => /^0 open, \d+ served/.test(StatusText),
  );
  assertMatch(StatusText, /^0 open, \d+ served, \d+ bytes received$/);
});

Deno.test("with too few descriptors the server warns as soon as none is free, and the check says how many it needs", async () => {
  const limit = 128;
  const path = `/run/systemd/system/${SERVER}.d/small.conf`;
  await machine.systemctl("stop", SERVER, SOCKET);
  await machine.write(path, `[Service]\nLimitNOFILE=${limit}\n`);
  await machine.run("rm", "/etc/default/ipc-server");
  await machine.run("rm", `/run/systemd/system/${SOCKET}.d/small.conf`);
  await machine.systemctl("daemon-reload");
  await machine.systemctl("start", SOCKET);
  const advice =
    "set LimitNOFILE= of the service to at least 6208, for 4096 connections and 1024 waiting";

  using first = await machine.connect();
  assertEquals(await echoOf(first, "a"), "a");
  const earlier = (await machine.journal(SERVER)).length;
  const warnings = async () =>
    (await machine.journal(SERVER)).slice(earlier)
      .map(({ message }) => message)
      .filter((line) => line.startsWith("No file descriptor is free: "));
  {
    await using _ = new ConnectedPeers(2 * limit);
    const [warning] = await eventually(
      "the server has warned",
      warnings,
      (lines) => lines.length > 0,
    );
    assert(warning!.includes(advice), warning);
    assertEquals(await echoOf(first, "b"), "b");
  }
  await eventually(
    "the status is sent again",
    () => machine.show(SERVER, "StatusText"),
    ({ StatusText }) => StatusText!.startsWith("1 open, "),
  );
  assertEquals((await warnings()).length, 1);

  const checked = async () => {
    const { stdout } = await machine.attempt(
      ...["systemd-run", "--quiet", "--pipe", "--wait"],
      ...[`--property=LimitNOFILE=${limit}`, "/usr/libexec/ipc/ipc-server"],
      "--check",
    );
    return stdout;
  };
  const findings = await checked();
  assert(findings.includes("note: LimitNOFILE= is too low: "), findings);
  assert(findings.includes(advice), findings);
});
