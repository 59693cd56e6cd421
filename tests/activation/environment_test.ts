import { assertEquals, assertThrows } from "@std/assert";
import { parseActivation } from "../../activation/environment.ts";
import { ActivationError } from "../../mod.ts";

const PID = 4242;

function parse(variables: Record<string, string>): [number, string][] {
  const env = new Map(Object.entries(variables));
  return parseActivation(env, PID).map(({ fd, name }) => [fd, name]);
}

const ours = (variables: Record<string, string>) => ({
  LISTEN_PID: `${PID}`,
  ...variables,
});

Deno.test("descriptors are numbered from 3 and named in order", () => {
  assertEquals(
    parse(ours({ LISTEN_FDS: "3", LISTEN_FDNAMES: "web:control:web" })),
    [[3, "web"], [4, "control"], [5, "web"]],
  );
});

const NOT_ACTIVATED: [string, Record<string, string>][] = [
  ["nothing is set", {}],
  ["LISTEN_PID is absent", { LISTEN_FDS: "1" }],
  ["LISTEN_PID is another process", { LISTEN_PID: "1", LISTEN_FDS: "1" }],
  ["another process' variables are broken", {
    LISTEN_PID: "1",
    LISTEN_FDS: "many",
    LISTEN_FDNAMES: "\0",
  }],
  ["LISTEN_FDS is absent", ours({})],
  ["LISTEN_FDS is 0", ours({ LISTEN_FDS: "0", LISTEN_FDNAMES: "" })],
];
for (const [when, variables] of NOT_ACTIVATED) {
  Deno.test(`no descriptors when ${when}`, () => {
    assertEquals(parse(variables), []);
  });
}

const ACCEPTED: [string, Record<string, string>, [number, string][]][] = [
  ["absent names are unknown", { LISTEN_FDS: "2" }, [
    [3, "unknown"],
    [4, "unknown"],
  ]],
  ["empty names are kept", { LISTEN_FDS: "3", LISTEN_FDNAMES: ":b:" }, [
    [3, ""],
    [4, "b"],
    [5, ""],
  ]],
  ["one empty name is a name", { LISTEN_FDS: "1", LISTEN_FDNAMES: "" }, [
    [3, ""],
  ]],
  ["255 characters are a name", {
    LISTEN_FDS: "1",
    LISTEN_FDNAMES: "n".repeat(255),
  }, [[3, "n".repeat(255)]]],
];
for (const [rule, variables, expected] of ACCEPTED) {
  Deno.test(rule, () => assertEquals(parse(ours(variables)), expected));
}

const REFUSED: Record<string, string[]> = {
  LISTEN_PID: [
    ...["", "0", "-1", "+1", "1.0", "0x1", "1e3", " 1", "1 ", "2147483648"],
    ...["abc", "04242"],
  ],
  LISTEN_FDS: [
    ...["", "-1", "+1", "1.5", " 1", "010", "0x2", "2147483645", "2147483648"],
    ...["1048577", "one"],
  ],
  LISTEN_FDNAMES: [
    ...["a", "a:b:c", "a:é", "a:b\n", "a:\x7f", `a:${"n".repeat(256)}`],
  ],
};
for (const [variable, values] of Object.entries(REFUSED)) {
  for (const value of values) {
    Deno.test(`${variable}=${JSON.stringify(value).slice(0, 40)} is refused`, () => {
      const error = assertThrows(
        () => parse(ours({ LISTEN_FDS: "2", [variable]: value })),
        ActivationError,
      );
      assertEquals([error.code, error.variable], ["malformed", variable]);
      const quoted = `${variable}: ${JSON.stringify(value)}`;
      assertEquals(error.message.includes(quoted), true, error.message);
    });
  }
}
