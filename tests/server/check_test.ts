// The findings of --check about variables; those about passed sockets are in
// tests/integration/refused_activation_test.ts.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { checkActivation } from "../../server/check_activation.ts";
import { checkManager } from "../../server/check_manager.ts";
import deno from "../../deno.json" with { type: "json" };
import { NotifyError } from "../../mod.ts";
import { NOTIFY_SOCKETS, notifyProblem } from "../../server/notify_problem.ts";
import type { Finding } from "../../server/finding.ts";
import { SERVER_DEFAULTS } from "../../server/options.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";

type Variables = Record<string, string>;

const PID = 7;

const envOf = (variables: Variables) => new Map(Object.entries(variables));

const WITHOUT_SOCKET: [variables: Variables, part: string][] = [
  [{}, "LISTEN_PID is not set: no socket was passed"],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1" }, "LISTEN_PID=8 is another process"],
  [{ LISTEN_PID: "7" }, "LISTEN_FDS is not set: no socket was passed"],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0" }, "LISTEN_FDS=0: no socket was passed"],
  [{ LISTEN_PID: "7", LISTEN_FDS: "99999999999" }, "LISTEN_FDS"],
];

Deno.test("variables that pass no socket are wrong, and stay as they are", async () => {
  for (const [variables, part] of WITHOUT_SOCKET) {
    const env = envOf(variables);
    const found = await checkActivation(SERVER_DEFAULTS, env, PID);
    const { verdict, text } = found.at(-1)!;
    assertEquals(verdict, "wrong", text);
    assertStringIncludes(text, part);
    assertEquals(env, envOf(variables));
  }
});

const line = ({ verdict, text }: Finding) => `${verdict}: ${text}`;

const WATCHDOGS: [variables: Variables, finding: RegExp][] = [
  [{}, /^note: WATCHDOG_USEC is not set/],
  [{ WATCHDOG_USEC: "1500000" }, /^ok: .* every 1\.5 s$/],
  [{ WATCHDOG_USEC: "1", WATCHDOG_PID: "7" }, /^ok: /],
  [
    { WATCHDOG_USEC: "1", WATCHDOG_PID: "8" },
    /^note: WATCHDOG_PID=8 is another process, this is 7/,
  ],
  [{ WATCHDOG_USEC: "soon" }, /^wrong: .*WATCHDOG_USEC: "soon"/],
];

Deno.test("the watchdog is reported, and the notify socket gets an ignored assignment", async () => {
  using receiver = new NotifyReceiver();
  for (const [variables, finding] of WATCHDOGS) {
    const env = envOf({ NOTIFY_SOCKET: receiver.socket, ...variables });
    const [reached, watchdog, ...more] = (await checkManager(env, PID))
      .map(line);
    assertEquals(
      reached,
      `ok: NOTIFY_SOCKET=${receiver.socket} takes messages`,
    );
    assertMatch(watchdog!, finding);
    assertEquals(more, []);
    assertMatch(await receiver.next(), /^X_[A-Z_]+=1$/);
  }
});

const UNREACHABLE: [variables: Variables, finding: RegExp][] = [
  [{ WATCHDOG_USEC: "soon" }, /^note: NOTIFY_SOCKET is not set/],
  [
    { NOTIFY_SOCKET: "/nonexistent/notify" },
    /^note: Cannot notify "\/nonexistent\/notify": .*Type=/,
  ],
];

Deno.test("a notify socket that cannot be reached is noted, and no watchdog", async () => {
  for (const [variables, finding] of UNREACHABLE) {
    const found = (await checkManager(envOf(variables), PID)).map(line);
    assertEquals(found.length, 1);
    assertMatch(found[0]!, finding);
  }
});

Deno.test("a notify socket without a permission names those that have one", () => {
  const { net, write } = deno.permissions.server;
  assertEquals(write, NOTIFY_SOCKETS);
  assertEquals(net, NOTIFY_SOCKETS.map((path) => `unix:${path}`));
  const error = new NotifyError("not permitted", {
    code: "unreachable",
    cause: new Deno.errors.NotCapable(),
  });
  const text = notifyProblem(error, "/run/other/notify");
  for (const path of NOTIFY_SOCKETS) assertStringIncludes(text, path);
  assertStringIncludes(text, "NOTIFY_SOCKET=/run/other/notify cannot be used");
  assertStringIncludes(text, "set Environment=NOTIFY_SOCKET= to one of these");
});
