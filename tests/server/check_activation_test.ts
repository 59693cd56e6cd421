import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkActivation } from "../../server/check_activation.ts";
import { SERVER_DEFAULTS } from "../../server/options.ts";

const PID = 7;

// Findings about passed sockets: tests/integration/refused_activation_test.ts
const WRONG: [variables: Record<string, string>, part: string][] = [
  [{}, "LISTEN_PID is not set: no socket was passed"],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1" }, "LISTEN_PID=8 is another process"],
  [{ LISTEN_PID: "abc", LISTEN_FDS: "1" }, 'LISTEN_PID: "abc"'],
  [{ LISTEN_PID: "7" }, "LISTEN_FDS is not set: no socket was passed"],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0" }, "LISTEN_FDS=0: no socket was passed"],
  [{ LISTEN_PID: "7", LISTEN_FDS: "99999999999" }, "LISTEN_FDS"],
];

Deno.test("variables that pass no socket are wrong, and stay as they are", async () => {
  for (const [variables, part] of WRONG) {
    const env = new Map(Object.entries(variables));
    const found = await checkActivation(SERVER_DEFAULTS, env, PID);
    const { verdict, text } = found.at(-1)!;
    assertEquals(verdict, "wrong", text);
    assertStringIncludes(text, part);
    assertEquals(Object.fromEntries(env), variables);
  }
});
