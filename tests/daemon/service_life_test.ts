// The life of a service with its surroundings recorded: signals, notifications, exit.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ServiceLife, type Surroundings } from "../../daemon/_service_life.ts";
import type { NotifyState } from "../../daemon/mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import { runScript } from "../support/script.ts";
import { sideBySide } from "../support/side_by_side.ts";

function newLife(
  { isActivated = true, mayNotify = true, idleTimeoutMs = 0 } = {},
) {
  const states: NotifyState[] = [];
  const lines: string[] = [];
  const listeners = new Map<string, () => void>();
  const exited = Promise.withResolvers<void>();
  const pings: { healthy?: () => Promise<boolean>; stopped?: true } = {};
  const surroundings: Surroundings = {
    isActivated: () => isActivated,
    idleTimeoutMs: () => idleTimeoutMs || undefined,
    notify(state) {
      states.push(state);
      return Promise.resolve(mayNotify);
    },
    watch(healthy) {
      pings.healthy = healthy;
      return { [Symbol.dispose]: () => void (pings.stopped = true) };
    },
    addSignalListener: (signal, listener) => listeners.set(signal, listener),
    removeSignalListener: (signal) => void listeners.delete(signal),
    log: (problem) => lines.push(problem),
    exit: () => exited.resolve(),
  };
  const life = new ServiceLife(surroundings);
  const signal = (name: string) => listeners.get(name)!();
  return { life, states, lines, listeners, pings, signal, exited };
}

const pass = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await pass();
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const PENDING = Symbol();
  await turns();
  return await Promise.race([promise, PENDING]) === PENDING;
}

const READY = { ready: true, status: undefined };

Deno.test("READY=1 is sent once, when no start is pending", async () => {
  const { life, states } = newLife();
  const second = Promise.withResolvers<void>();
  const a = life.join({ started: Promise.resolve(), status: "one" });
  // A start that follows another at once.
  await Promise.resolve();
  const b = life.join({ started: second.promise, status: "two" });
  await turns();
  assertEquals(states, []);
  second.resolve();
  await turns();
  assertEquals(states, [{ ready: true, status: "one; two" }]);
  const c = life.join();
  await turns();
  for (const member of [a, b, c]) await member.stop();
  assertEquals(states.length, 1);
});

Deno.test("a member that stops after a failed start does not make the service ready", async () => {
  const { life, states, listeners } = newLife();
  await life.join({ started: Promise.reject(new Error("no port")) }).stop();
  await turns();
  assertEquals([states, listeners.size], [[], 0]);
});

for (
  const [what, options, member, sent] of [
    ["that was not notified of READY=1", { mayNotify: false }, {}, [READY]],
    ["whose members want none", {}, { notify: false }, []],
  ] as const
) {
  Deno.test(`a service ${what} sends no later notification`, async () => {
    const { life, states, pings } = newLife(options);
    life.join(member);
    await turns();
    await life.stop();
    await turns();
    assertEquals<unknown>([states, pings], [sent, {}]);
  });
}

Deno.test("the watchdog is pinged when every member is healthy", async () => {
  const { life, pings } = newLife();
  let isHealthy = true;
  const a = life.join({ healthy: () => isHealthy });
  const b = life.join({ healthy: () => Promise.resolve(true) });
  const c = life.join();
  await turns();
  assertEquals(await pings.healthy!(), true);
  isHealthy = false;
  assertEquals(await pings.healthy!(), false);
  await a.stop();
  assertEquals(await pings.healthy!(), true);
  await Promise.all([b.stop(), c.stop()]);
  await turns();
  assertEquals(pings.stopped, true);
});

Deno.test("the idle time of the unit replaces that of every member", async () => {
  const { life } = newLife({ idleTimeoutMs: 20 });
  life.join();
  life.join({ idleTimeoutMs: 3_600_000 });
  await soon("the service stops", life.finished);
});

for (const whose of ["a member", "the program"]) {
  Deno.test(`an idle exit waits for work of ${whose}, then until every member is idle`, async () => {
    const { life, states } = newLife();
    life.join({ idleTimeoutMs: 20 });
    const slow = life.join({ idleTimeoutMs: 80 });
    const work = (whose === "a member" ? slow : life).hold();
    await pass(120);
    assertEquals(life.stopping.aborted, false);
    assertEquals(slow.stopping.aborted, false);
    const start = performance.now();
    work[Symbol.dispose]();
    await soon("the service stops", life.finished);
    const elapsed = performance.now() - start;
    assert(whose === "the program" || elapsed > 70, `after ${elapsed} ms`);
    assertEquals(slow.stopping.aborted, true);
    assertEquals(states.at(-1), { stopping: true });
  });
}

for (
  const [reason, options, times] of [
    ["a member without idle time", {}, [5, 0]],
    ["a process without sockets", { isActivated: false }, [5, 5]],
  ] as const
) {
  Deno.test(`${reason} prevents the idle exit`, async () => {
    const { life } = newLife(options);
    const members = times.map((idleTimeoutMs) => life.join({ idleTimeoutMs }));
    await pass(60);
    assertEquals(life.stopping.aborted, false);
    for (const member of members) await member.stop();
  });
}

Deno.test("a stop waits for each member, at most for its own time", async () => {
  const { life } = newLife();
  const aborted: string[] = [];
  const patient = life.join({ drainTimeoutMs: 60_000 });
  const hasty = life.join({ drainTimeoutMs: 30 });
  const long = patient.hold(() => aborted.push("patient"));
  hasty.hold(() => aborted.push("hasty"));
  const stopped = life.stop();
  await eventually("the time is over", () => aborted, (all) => all.length > 0);
  assert(await isPending(stopped));
  long[Symbol.dispose]();
  await soon("the service has stopped", stopped);
  assertEquals(aborted, ["hasty"]);
});

Deno.test("when the stop begins, work may begin, and no member may join", async () => {
  const { life } = newLife();
  const member = life.join();
  const drained = Promise.withResolvers<void>();
  member.stopping.addEventListener("abort", async () => {
    using _ = member.hold();
    await drained.promise;
  });
  const stopped = life.stop();
  assert(await isPending(stopped));
  const { name } = assertThrows(() => life.join(), DOMException);
  assertEquals(name, "AbortError");
  drained.resolve();
  await soon("the service has stopped", stopped);
});

Deno.test("an abort that throws is logged, and the others are called", async () => {
  const { life, lines } = newLife();
  const member = life.join({ drainTimeoutMs: 1 });
  let isAborted = false;
  member.hold(() => {
    throw new Error("closed");
  });
  member.hold(() => isAborted = true);
  await soon("the service has stopped", life.stop());
  assertEquals([isAborted, lines.length], [true, 1]);
});

Deno.test("a member stops alone: the service continues, and may stop later", async () => {
  const { life, states, listeners } = newLife();
  const [first, second] = [life.join(), life.join()];
  await turns();
  await first.stop();
  assertEquals([first.stopping.aborted, life.stopping.aborted], [true, false]);
  assertEquals(listeners.size, 2);
  await second.stop();
  assertEquals([listeners.size, states], [0, [READY]]);
  const third = life.join();
  assertEquals(listeners.size, 2);
  await third.stop();
});

/** Those that wait for a second, the time of a Ctrl-C and of an exit. */
const SLOW: Record<string, () => Promise<void>> = {
  async "a second SIGTERM and an immediate SIGINT change nothing, a later SIGINT cuts"() {
    const { life, states, signal } = newLife();
    let isAborted = false;
    const member = life.join({ drainTimeoutMs: 60_000 });
    await turns();
    member.hold(() => isAborted = true);
    for (const name of ["SIGTERM", "SIGTERM", "SIGINT"]) signal(name);
    assert(await isPending(life.finished));
    await pass(1_050);
    signal("SIGTERM");
    assert(await isPending(life.finished));
    assertEquals(isAborted, false);
    signal("SIGINT");
    await soon("the service has stopped", life.finished);
    assertEquals(isAborted, true);
    assertEquals(states.filter((state) => state.stopping).length, 1);
  },
  async "a program that still runs after the end is ended, with one line"() {
    const { life, lines, exited } = newLife();
    life.join();
    const start = performance.now();
    await life.stop();
    await soon("it exits", exited.promise);
    const elapsed = performance.now() - start;
    assert(elapsed > 900, `it exits after ${elapsed} ms`);
    assertEquals(lines.length, 1);
  },
  async "work after the end delays the exit until it ends"() {
    const { life, exited } = newLife();
    const member = life.join();
    await life.stop();
    const late = member.hold();
    const own = life.hold();
    await pass(1_200);
    own[Symbol.dispose]();
    assert(await isPending(exited.promise));
    late[Symbol.dispose]();
    await soon("it exits", exited.promise);
  },
  async "work after the end ends with the longest time for a drain"() {
    const { life, exited } = newLife();
    life.join({ drainTimeoutMs: 1 });
    const member = life.join({ drainTimeoutMs: 1_300 });
    const start = performance.now();
    await life.stop();
    let elapsed = 0;
    member.hold(() => elapsed = performance.now() - start);
    await soon("it exits", exited.promise, { within: 5_000 });
    assert(elapsed > 1_200, `it is aborted after ${elapsed} ms`);
  },
  async "the exit of a process calls its exit listeners"() {
    const { code, stdout, stderr } = await runScript(
      `import process from "node:process";
      process.on("exit", () => console.log("exit"));
      setInterval(() => {}, 1_000);
      service().join();
      service().stop();`,
    );
    assertEquals([code, stdout], [0, "exit\n"], stderr);
  },
};
Deno.test("the end of a service takes time", (t) => sideBySide(t, SLOW));
