// The table of permissions in the doc comment of mod.ts. Those of the calls that adopt
// are the ones with which tests/activation/ runs them.

import { assert, assertEquals } from "@std/assert";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { REPOSITORY } from "../support/program.ts";
import { runScript } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

/** A script that ends with `done()`; flags, where the table refers to another row. */
type Use = [script: string, env?: Record<string, string>, flags?: string[]];

/** Uses of each row, for notify sockets with these addresses. */
function uses(
  path: string,
  abstract: string,
  secret: string,
): Record<string, Use> {
  const byPath = { NOTIFY_SOCKET: path };
  const socketFlags = [`--allow-net=unix:${path}`, `--allow-write=${path}`];
  return {
    "listenFds, listenFdsByName": ["listenFds(); listenFdsByName(); done();"],
    "notify, ready, stopping, status": [
      `if (
        await notify({ ready: true }) && await ready() && await stopping() &&
        await status("up")
      ) done();`,
      byPath,
    ],
    "the same, with an abstract notify socket": [
      "if (await ready()) done();",
      { NOTIFY_SOCKET: abstract },
    ],
    "notify with reloading, onReload": [
      "if (await notify({ reloading: true })) done();",
      byPath,
      ["--allow-env=NOTIFY_SOCKET", ...socketFlags, "--allow-sys"],
    ],
    "watchdogEnabled": ["watchdogEnabled(); done();"],
    "watchdog": [
      `const { promise, resolve, reject } = Promise.withResolvers();
      let checks = 0;
      using pings = watchdog({
        // By the third check the first ping was sent, or refused.
        healthy: () => ++checks < 3 || (resolve(), false),
        onError: reject,
      });
      const alive = setTimeout(() => {}, 10_000);
      if (pings !== undefined) await promise.then(done);
      clearTimeout(alive);`,
      { ...byPath, WATCHDOG_USEC: "100000" },
      ["--allow-env=WATCHDOG_USEC,WATCHDOG_PID,NOTIFY_SOCKET", ...socketFlags],
    ],
    "booted": ["booted(); done();"],
    "logger": ["logger(); done();"],
    "journalSend": [
      `const options = { socket: "${path}" };
      if (await journalSend({ MESSAGE: "up" }, options)) done();`,
    ],
    "credential": [
      `if (await credential("key") === "secret") done();`,
      { CREDENTIALS_DIRECTORY: secret },
    ],
    "childEnv": ["childEnv(); done();"],
    "service": [
      "await service().join({ idleTimeoutMs: 1 }).stop(); done();",
      {},
      [],
    ],
  };
}

Deno.test("each call of the permission table works with its permissions, and fails with one less", async (t) => {
  using directory = new TempDir();
  using byPath = new NotifyReceiver();
  using byName = new NotifyReceiver(`@ipc-test-${crypto.randomUUID()}`);
  await Deno.writeTextFile(directory.join("key"), "secret");
  const known = uses(byPath.socket, byName.socket, directory.path);
  const rows = (await Deno.readTextFile(`${REPOSITORY}mod.ts`))
    .matchAll(/^ \* \| ([^-].*?) *\| (.*?) *\|$/gm);
  const table = [...rows]
    .map(([, calls, needs]) => [calls!.replaceAll("`", ""), needs!] as const)
    .filter(([calls, needs]) => calls !== "call" && !/^the same/.test(needs));
  assertEquals(
    new Set(table.map(([calls]) => calls)),
    new Set(Object.keys(known)),
  );

  for (const [calls, needs] of table) {
    const [script, env = {}, given] = known[calls]!;
    const flags = given ??
      [...needs.matchAll(/--allow-[^\s`]+/g)].map(([flag]) =>
        flag.replace(/\b[PJ]$/, byPath.socket)
          .replace(/=C$/, `=${directory.path}`)
      );
    assertEquals(flags.length === 0, needs.startsWith("none"));
    const runs = (flags: string[]) =>
      runScript(`const done = () => console.log("done"); ${script}`, {
        ...{ flags, env },
      });
    await t.step(calls, async () => {
      const { stdout, stderr } = await runs(flags);
      assertEquals(stdout, "done\n", stderr);
    });
    for (const flag of flags) {
      await t.step(`${calls} not without ${flag}`, async () => {
        const fewer = flags.filter((each) => each !== flag);
        const { stdout, stderr } = await runs(fewer);
        assertEquals(stdout, "");
        assert(stderr.includes("Requires"), stderr);
      });
    }
  }
});
