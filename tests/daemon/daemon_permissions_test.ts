import { assert, assertEquals } from "@std/assert";
import { activate } from "../support/activate.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { receiveAllText } from "../support/peer.ts";
import { runScript } from "../support/script.ts";
import { TempDir } from "../support/temp_dir.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A row of the table in the doc comment of `mod.ts`. */
interface Row {
  calls: string;
  needs: string;
}

/** How to see calls succeed: each script ends with `done()`. */
interface Use {
  scripts: string[];
  /** The flags, where the table refers to another row. */
  flags?: string[];
  env?: Record<string, string>;
}

/** Uses of each row, for notify sockets with these addresses. */
function uses(
  path: string,
  abstract: string,
  credentials: string,
): Record<string, Use> {
  const socketFlags = [`--allow-net=unix:${path}`, `--allow-write=${path}`];
  return {
    "listenFds, listenFdsByName": {
      scripts: ["listenFds(); done();", "listenFdsByName(); done();"],
    },
    "notify, ready, stopping, status": {
      scripts: [
        "if (await notify({ ready: true })) done();",
        "if (await ready()) done();",
        "if (await stopping()) done();",
        `if (await status("up")) done();`,
      ],
      env: { NOTIFY_SOCKET: path },
    },
    "the same, with an abstract notify socket": {
      scripts: ["if (await ready()) done();"],
      env: { NOTIFY_SOCKET: abstract },
    },
    "notify with reloading, onReload": {
      scripts: ["if (await notify({ reloading: true })) done();"],
      flags: [
        "--allow-env=NOTIFY_SOCKET",
        ...socketFlags,
        "--allow-sys",
      ],
      env: { NOTIFY_SOCKET: path },
    },
    "watchdogEnabled": { scripts: ["watchdogEnabled(); done();"] },
    "watchdog": {
      scripts: [`
        const { promise, resolve, reject } = Promise.withResolvers();
        let checks = 0;
        using pings = watchdog({
          // By the third check the first ping was sent, or refused.
          healthy: () => ++checks < 3 || (resolve(), false),
          onError: reject,
        });
        const alive = setTimeout(() => {}, 10_000);
        if (pings !== undefined) await promise.then(done);
        clearTimeout(alive);`],
      flags: [
        "--allow-env=WATCHDOG_USEC,WATCHDOG_PID,NOTIFY_SOCKET",
        ...socketFlags,
      ],
      env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "100000" },
    },
    "booted": { scripts: ["booted(); done();"] },
    "logger": { scripts: ["logger(); done();"] },
    "journalSend": {
      scripts: [
        `const options = { socket: "${path}" };
        if (await journalSend({ MESSAGE: "up" }, options)) done();`,
      ],
    },
    "credential": {
      scripts: [`if (await credential("key") === "secret") done();`],
      env: { CREDENTIALS_DIRECTORY: credentials },
    },
    "childEnv": { scripts: ["childEnv(); done();"] },
  };
}

function tableRows(source: string): Row[] {
  return [...source.matchAll(/^ \* \| (.*?) *\| (.*?) *\|$/gm)]
    .map(([, calls = "", needs = ""]) => ({
      calls: calls.replaceAll("`", ""),
      needs,
    }))
    .filter(({ calls }) => calls !== "call" && !calls.startsWith("-"));
}

function flagsOf(
  needs: string,
  path: string,
  credentials: string,
): string[] {
  return [...needs.matchAll(/--allow-[^\s`]+/g)].map(([flag]) =>
    flag.replace(/\b[PJ]$/, path).replace(/=C$/, `=${credentials}`)
  );
}

Deno.test("each call of the permission table works with its permissions, and fails with one less", async (t) => {
  using directory = new TempDir();
  using byPath = new NotifyReceiver();
  using byName = new NotifyReceiver(`@ipc-test-${crypto.randomUUID()}`);
  const table = tableRows(await Deno.readTextFile(`${ROOT}mod.ts`))
    .filter(({ needs }) => !/^(the same|none)/.test(needs));
  const credentials = directory.join("credentials");
  await Deno.mkdir(credentials);
  await Deno.writeTextFile(`${credentials}/key`, "secret");
  const known = uses(byPath.socket, byName.socket, credentials);
  assertEquals(table.map(({ calls }) => calls), Object.keys(known));

  for (const { calls, needs } of table) {
    const { scripts, env = {}, ...use } = known[calls]!;
    const flags = use.flags ?? flagsOf(needs, byPath.socket, credentials);
    assert(flags.length > 0, `${calls} has no flags`);
    for (const script of scripts) {
      await t.step(`${calls}: ${script.trim()}`, async () => {
        const result = await runDone(script, flags, env);
        assertEquals(result.stdout, "done\n", result.stderr);
      });
      for (const flag of flags) {
        await t.step(`${script.trim()} not without ${flag}`, async () => {
          const fewer = flags.filter((each) => each !== flag);
          const { stdout, stderr } = await runDone(script, fewer, env);
          assertEquals(stdout, "");
          assert(stderr.includes("Requires"), stderr);
        });
      }
    }
  }
});

Deno.test("the calls that the table has without permissions need none", async () => {
  const source = await Deno.readTextFile(`${ROOT}mod.ts`);
  assertEquals(
    tableRows(source).filter(({ needs }) => needs.startsWith("none"))
      .map(({ calls }) => calls),
    ["service"],
  );
  const script = "await service().join({ idleTimeoutMs: 1 }).stop(); done();";
  const { stdout, stderr } = await runDone(script, [], {});
  assertEquals(stdout, "done\n", stderr);
});

/** The rows that say "the same", and scripts that take one connection, `c`. */
const ADOPTED: Record<string, [script: string, ...options: string[]][]> = {
  "listen, listeners, connection, claim": [
    ["const listener = await listen(3); using c = await listener.accept();"],
    ["const [l] = await listeners(); using c = await l.accept();"],
    ["using c = await connection(3);", "--accept"],
    [
      `const l = await claim({ a: "unix" }); using c = await l.a.accept();`,
      "--fdname=a",
    ],
  ],
  // The tests of these run them with the same permissions.
  "listenTls, listenServer": [],
  "listenDatagram": [],
  "listenOr": [
    ["const l = await listenOr({ port: 1 }); using c = await l.accept();"],
  ],
  "serve, serveConns, serveNode": [],
};

Deno.test("the table has these rows of calls that adopt", async () => {
  const source = await Deno.readTextFile(`${ROOT}mod.ts`);
  assertEquals(
    tableRows(source).filter(({ needs }) => needs.startsWith("the same"))
      .map(({ calls }) => calls),
    Object.keys(ADOPTED),
  );
});

for (const [script, ...options] of Object.values(ADOPTED).flat()) {
  Deno.test(`adopting and serving needs no more than listenFds: ${script}`, async () => {
    await using server = await activate({
      script: `${script} await c.write(new TextEncoder().encode("served"));`,
      options,
    });
    using conn = await server.dial();
    assertEquals(await receiveAllText(conn), "served");
  });
}

function runDone(script: string, flags: string[], env: Record<string, string>) {
  return runScript(`const done = () => console.log("done"); ${script}`, {
    flags,
    env,
  });
}
