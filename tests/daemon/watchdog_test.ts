import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  NotifyError,
  watchdog,
  watchdogEnabled,
  type WatchdogOptions,
} from "../../mod.ts";
import { eventually } from "../support/eventually.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { run } from "../support/program.ts";
import { denoEnv, runScript, scriptCommand } from "../support/script.ts";

const PID = 4242;

// tests/activation/conformance_test.ts compares many values with libsystemd.

Deno.test("the interval of the watchdog is that of WATCHDOG_USEC, if it is ours", () => {
  const interval = (variables: Record<string, string>) =>
    watchdogEnabled({ env: new Map(Object.entries(variables)), pid: PID });
  assertEquals(interval({}), undefined);
  assertEquals(interval({ WATCHDOG_PID: `${PID}` }), undefined);
  assertEquals(interval({ WATCHDOG_USEC: "1500" }), 1.5);
  const set = { WATCHDOG_USEC: "30000000" };
  assertEquals(interval({ ...set, WATCHDOG_PID: `${PID}` }), 30_000);
  assertEquals(interval({ ...set, WATCHDOG_PID: "1" }), undefined);
  // systemd's number for "infinity".
  assertEquals(interval({ WATCHDOG_USEC: `${2n ** 64n - 1n}` }), undefined);
  for (
    const [variable, value] of [["USEC", "0"], ["USEC", ""], ["PID", "me"]]
  ) {
    const name = `WATCHDOG_${variable}`;
    const error = assertThrows(
      () => interval({ ...set, [name]: value! }),
      NotifyError,
      `${name}: ${JSON.stringify(value)}`,
    );
    assertEquals([error.code, error.variable], ["malformed", name]);
  }
});

function watched(intervalMs: number): NotifyReceiver {
  const receiver = new NotifyReceiver();
  receiver.env.set("WATCHDOG_USEC", `${intervalMs * 1000}`);
  return receiver;
}

Deno.test("pings are sent at once, then every half interval", async () => {
  using service = watched(100);
  const start = performance.now();
  using _pings = watchdog(service);
  for (let ping = 0; ping < 4; ping++) {
    assertEquals(await service.next(), "WATCHDOG=1");
  }
  const elapsed = performance.now() - start;
  assert(elapsed >= 3 * 50 - 20, `four pings within ${elapsed} ms`);
});

Deno.test("without an expected ping there is nothing to dispose of", () => {
  assertEquals(watchdog({ env: new Map() }), undefined);
  using service = watched(100);
  const signal = AbortSignal.abort();
  assertEquals(watchdog({ env: service.env, signal }), undefined);
});

Deno.test("an unhealthy service does not ping until it is healthy again", async () => {
  using service = watched(20);
  let asked = 0;
  const healthy = () => ++asked > 5;
  using _pings = watchdog({ env: service.env, healthy });
  assertEquals(await service.next(), "WATCHDOG=1");
  assert(asked >= 6, `a ping came after ${asked} checks`);
});

const GONE = { NOTIFY_SOCKET: "/nonexistent", WATCHDOG_USEC: "20000" };
const FAILURES: Record<string, [WatchdogOptions, error: RegExp]> = {
  "a health check that fails": [
    { healthy: () => Promise.reject(new Error("no memory")) },
    /^Error: no memory$/,
  ],
  "a removed notify socket": [
    { env: new Map(Object.entries(GONE)) },
    /^NotifyError: /,
  ],
};
for (const [what, [options, message]] of Object.entries(FAILURES)) {
  Deno.test(`${what} is reported, and the next ping is tried`, async () => {
    using service = watched(20);
    const errors: string[] = [];
    const onError = (error: unknown) => void errors.push(`${error}`);
    using _pings = watchdog({ env: service.env, onError, ...options });
    await eventually("two errors", () => errors.length, (count) => count >= 2);
    assertMatch(errors[1]!, message);
  });
}

for (const how of ["abort", "dispose"]) {
  Deno.test(`${how} stops the pings`, async () => {
    using service = watched(20);
    const { env } = service;
    let asked = 0;
    const healthy = () => ++asked > 0;
    const controller = new AbortController();
    const pings = watchdog({ env, signal: controller.signal, healthy });
    await eventually("two pings are due", () => asked, (n) => n >= 2);
    if (how === "abort") controller.abort();
    else pings![Symbol.dispose]();
    const before = asked;
    // Three pings would be sent by the time this timer fires.
    await new Promise((resolve) => setTimeout(resolve, 35));
    assertEquals(asked, before);
  });
}

Deno.test("after a pause longer than the interval the next ping is sent at once", async () => {
  using service = watched(1_000);
  let asked = 0;
  using _pings = watchdog({ env: service.env, healthy: () => ++asked > 0 });
  assertEquals(await service.next(), "WATCHDOG=1");
  const before = asked;
  const pausedUntil = performance.now() + 1_100;
  while (performance.now() < pausedUntil);
  await new Promise((resolve) => setTimeout(resolve));
  assert(asked > before, "no ping was due in the first turn after the pause");
  assertEquals(await service.next(), "WATCHDOG=1");
});

Deno.test("a process pings once in an interval, when all its checks are healthy", async () => {
  using service = watched(20);
  const { stdout, stderr } = await runScript(
    `let [checks, isHealthy] = [0, false];
    using _a = watchdog({ healthy: () => (checks++, isHealthy) });
    using _b = watchdog();
    const until = async (count) => {
      while (checks < count) await new Promise((resolve) => setTimeout(resolve));
    };
    await until(5);
    await notify("X_UNHEALTHY=1");
    isHealthy = true;
    const unhealthy = checks;
    await until(unhealthy + 5);
    await notify("X_END=1");
    console.log(checks - unhealthy);`,
    { flags: ["--allow-all"], env: Object.fromEntries(service.env) },
  );
  assertEquals(await service.next(), "X_UNHEALTHY=1", stderr);
  let pings = 0;
  while (await service.next() === "WATCHDOG=1") pings++;
  assert(pings > 0 && pings <= Number(stdout), `${pings} pings, ${stdout}`);
});

Deno.test("a process without free descriptors still pings", async () => {
  using service = watched(20);
  const script = `
    let asked = 0;
    const askedFor = async (count) => {
      while (asked < count) await new Promise((resolve) => setTimeout(resolve));
    };
    const onError = (error) => console.log(error.message);
    using _pings = watchdog({ healthy: () => ++asked > 0, onError });
    await askedFor(2);
    try {
      while (true) Deno.listenDatagram({ transport: "unixpacket" });
    } catch (error) {
      console.log(error.code);
    }
    await askedFor(5);`;
  const { stdout, stderr } = await run(
    "prlimit",
    ["--nofile=200", ...scriptCommand(script, ["--allow-all"])],
    { env: { ...denoEnv(), ...Object.fromEntries(service.env) } },
  );
  assertEquals(stdout, "EMFILE\n", stderr);
  for (let ping = 0; ping < 4; ping++) {
    assertEquals(await service.next(), "WATCHDOG=1");
  }
});
