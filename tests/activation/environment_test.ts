import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ACTIVATION_VARIABLES,
  parseActivation,
} from "../../activation/environment.ts";
import { ActivationError, listenFds, listenFdsByName } from "../../mod.ts";
import { activatedEnv } from "../support/activated_env.ts";
import { runScript } from "../support/script.ts";

const PID = 4242;

const parse = (variables: Record<string, string>) =>
  parseActivation(new Map(Object.entries(variables)), PID);

const ours = (LISTEN_FDS: string, LISTEN_FDNAMES: string) => ({
  ...{ LISTEN_PID: `${PID}`, LISTEN_FDS, LISTEN_FDNAMES },
});

// conformance_test.ts compares many values with libsystemd.

Deno.test("descriptors are numbered from 3 and named in order", () => {
  assertEquals(parse(ours("0", "")), []);
  assertEquals(parse(ours("3", "web::web")), [
    { fd: 3, name: "web" },
    { fd: 4, name: "" },
    { fd: 5, name: "web" },
  ]);
});

Deno.test("a malformed variable is quoted in the error", () => {
  for (
    const [variable, value] of [
      ["LISTEN_PID", ""],
      ["LISTEN_PID", "04242"],
      ["LISTEN_FDS", " 1"],
      ["LISTEN_FDS", "1048577"],
      ["LISTEN_FDNAMES", "a"],
      ["LISTEN_FDNAMES", "a:b\n"],
    ] as const
  ) {
    const error = assertThrows(
      () => parse({ ...ours("2", "a:b"), [variable]: value }),
      ActivationError,
      `${variable}: ${JSON.stringify(value)}`,
    );
    assertEquals([error.code, error.variable], ["malformed", variable]);
  }
});

const remaining = () =>
  ACTIVATION_VARIABLES.filter((name) => Deno.env.has(name));

Deno.test("the first call unsets all four variables, unless unsetEnv is false, and a second returns the same", () => {
  const four = { LISTEN_FDS: "1", LISTEN_FDNAMES: "web", LISTEN_PIDFDID: "7" };
  using _ = activatedEnv(four);
  listenFds({ unsetEnv: false });
  assertEquals(remaining().length, 4);
  const fds = listenFds();
  assertEquals(fds, [{ fd: 3, name: "web" }]);
  assertEquals(remaining(), []);
  const [first] = fds.splice(0);
  assertStrictEquals(listenFds()[0], first);
});

Deno.test("three variables need to be readable, and none for a second call", async () => {
  const { stdout, stderr } = await runScript(
    `Deno.env.set("LISTEN_PID", String(Deno.pid));
    console.log(listenFds().length);
    await Deno.permissions.revoke({ name: "env" });
    console.log(listenFds().length);`,
    {
      flags: ["--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES"],
      env: { LISTEN_FDS: "1", LISTEN_PIDFDID: "7" },
    },
  );
  assertEquals([stdout, stderr], ["1\n1\n", ""]);
});

Deno.test("an error unsets the variables, and is thrown again; those for another process are unset", () => {
  using _ = activatedEnv({ LISTEN_FDS: "x", LISTEN_FDNAMES: "web" });
  const error = assertThrows(() => listenFds(), ActivationError);
  assertEquals(remaining(), []);
  assertStrictEquals(assertThrows(() => listenFds()), error);
  using _other = activatedEnv({ LISTEN_FDS: "1", LISTEN_PID: "1" });
  assertEquals(listenFds(), []);
  assertEquals(remaining(), []);
});

Deno.test("an injected environment is neither remembered nor mixed up", () => {
  using _ = activatedEnv({ LISTEN_FDS: "1", LISTEN_FDNAMES: "real" });
  const env = new Map([["LISTEN_PID", "7"], ["LISTEN_FDS", "2"]]);
  assertEquals(listenFds({ env, pid: 7 }).length, 2);
  assertEquals(env.size, 0);
  assertEquals(listenFds(), [{ fd: 3, name: "real" }]);
});

Deno.test("a missing permission is no malformed variable; a value that is not UTF-8 is, and is unset", () => {
  const { NotCapable, InvalidData } = Deno.errors;
  for (
    const [cause, thrown, unset] of [
      [NotCapable, NotCapable, undefined],
      [InvalidData, ActivationError, ACTIVATION_VARIABLES],
    ] as const
  ) {
    const removed: string[] = [];
    const env = {
      get: (): string => {
        throw new cause();
      },
      delete: (name: string) => void removed.push(name),
    };
    assertThrows(() => listenFds({ env }), thrown);
    if (unset) assertEquals(removed, unset);
  }
});

Deno.test("descriptors of one name are grouped in order", () => {
  const env = new Map(Object.entries(ours("3", "web:control:web")));
  const byName = listenFdsByName({ env, pid: PID });
  assertEquals([...byName.keys()], ["web", "control"]);
  assertEquals(byName.get("web")?.map(({ fd }) => fd), [3, 5]);
});
