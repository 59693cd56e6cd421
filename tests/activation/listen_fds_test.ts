import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ACTIVATION_VARIABLES,
  forgetListenFds,
} from "../../activation/environment.ts";
import { ActivationError, listenFds, listenFdsByName } from "../../mod.ts";
import { runScript } from "../support/script.ts";

const VARIABLES = [
  "LISTEN_PID",
  "LISTEN_PIDFDID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
];

/** Sets the variables of this very process, and forgets them afterwards. */
function activated(variables: Record<string, string>): Disposable {
  const clear = () => {
    for (const name of VARIABLES) Deno.env.delete(name);
    forgetListenFds();
  };
  clear();
  Deno.env.set("LISTEN_PID", `${Deno.pid}`);
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value);
  }
  return { [Symbol.dispose]: clear };
}

function remaining(): string[] {
  return VARIABLES.filter((name) => Deno.env.has(name));
}

Deno.test("the first call unsets all four variables", () => {
  using _ = activated({
    LISTEN_FDS: "1",
    LISTEN_FDNAMES: "web",
    LISTEN_PIDFDID: "7",
  });
  assertEquals(listenFds(), [{ fd: 3, name: "web" }]);
  assertEquals(remaining(), []);
});

Deno.test("a second call returns the same descriptors", () => {
  using _ = activated({ LISTEN_FDS: "2" });
  const [first] = listenFds();
  assertStrictEquals(listenFds()[0], first);
  assertEquals(listenFds().length, 2);
});

Deno.test("changing the returned array does not affect the next call", () => {
  using _ = activated({ LISTEN_FDS: "1" });
  listenFds().length = 0;
  assertEquals(listenFds().length, 1);
});

Deno.test("unsetEnv: false keeps the variables for a later call", () => {
  using _ = activated({ LISTEN_FDS: "1" });
  listenFds({ unsetEnv: false });
  assertEquals(remaining(), ["LISTEN_PID", "LISTEN_FDS"]);
  listenFds();
  assertEquals(remaining(), []);
});

Deno.test("remembered listen fds need no permission", async () => {
  const { stdout, stderr } = await runScript(
    `Deno.env.set("LISTEN_PID", String(Deno.pid));
    console.log(listenFds());
    await Deno.permissions.revoke({ name: "env" });
    console.log(listenFds(), (await Deno.permissions.query({ name: "env" })).state);`,
    { flags: ["--allow-env"], env: { LISTEN_FDS: "1" } },
  );
  const listed = '[ { fd: 3, name: "unknown" } ]';
  assertEquals(stdout, `${listed}\n${listed} prompt\n`, stderr);
});

Deno.test("three variables need to be readable", async () => {
  const { stdout, stderr } = await runScript(
    `console.log(JSON.stringify(listenFds()));
    await Deno.permissions.revoke({ name: "env", variable: "LISTEN_FDS" });
    console.log(JSON.stringify(listenFds()));`,
    {
      flags: ["--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES"],
      env: { LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_PIDFDID: "7" },
    },
  );
  assertEquals([stdout, stderr], ["[]\n[]\n", ""]);
});

Deno.test("an error unsets the variables, and is thrown again", () => {
  using _ = activated({ LISTEN_FDS: "x", LISTEN_FDNAMES: "web" });
  const error = assertThrows(() => listenFds(), ActivationError);
  assertEquals(remaining(), []);
  assertStrictEquals(assertThrows(() => listenFds()), error);
});

Deno.test("variables for another process are unset as well", () => {
  using _ = activated({ LISTEN_FDS: "1", LISTEN_PID: "1" });
  assertEquals(listenFds(), []);
  assertEquals(remaining(), []);
});

Deno.test("an injected environment is neither remembered nor mixed up", () => {
  using _ = activated({ LISTEN_FDS: "1", LISTEN_FDNAMES: "real" });
  const env = new Map([["LISTEN_PID", "7"], ["LISTEN_FDS", "2"]]);
  assertEquals(listenFds({ env, pid: 7 }).length, 2);
  assertEquals(env.size, 0);
  assertEquals(listenFds(), [{ fd: 3, name: "real" }]);
});

Deno.test("a missing permission is not remembered", () => {
  const refused = {
    get: (): string => {
      throw new Deno.errors.NotCapable("no env");
    },
    delete() {},
  };
  assertThrows(() => listenFds({ env: refused }), Deno.errors.NotCapable);
});

Deno.test("a value that is not UTF-8 is an error, and unset all the same", () => {
  const removed: string[] = [];
  const broken = {
    get: (): string => {
      throw new Deno.errors.InvalidData("not UTF-8");
    },
    delete: (name: string) => void removed.push(name),
  };
  assertThrows(() => listenFds({ env: broken }), ActivationError);
  assertEquals(removed, ACTIVATION_VARIABLES);
});

Deno.test("descriptors of one name are grouped in order", () => {
  const env = new Map([
    ["LISTEN_PID", "7"],
    ["LISTEN_FDS", "3"],
    ["LISTEN_FDNAMES", "web:control:web"],
  ]);
  const byName = listenFdsByName({ env, pid: 7 });
  assertEquals([...byName.keys()], ["web", "control"]);
  assertEquals(byName.get("web")?.map(({ fd }) => fd), [3, 5]);
});
