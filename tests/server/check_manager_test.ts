import { assertEquals, assertMatch } from "@std/assert";
import { checkManager } from "../../server/check_manager.ts";
import { NotifyReceiver } from "../support/notify_receiver.ts";
import { TempDir } from "../support/temp_dir.ts";

const PID = 7;

/** What is found with a notify socket that can be reached, and these variables. */
async function found(variables: Record<string, string>): Promise<string[]> {
  using directory = new TempDir();
  using receiver = new NotifyReceiver(directory.join("notify"));
  const env = new Map(
    Object.entries({ NOTIFY_SOCKET: receiver.socket, ...variables }),
  );
  const [reached, ...others] = await checkManager(env, PID);
  assertEquals(reached, {
    verdict: "ok",
    text: `NOTIFY_SOCKET=${receiver.socket} takes messages`,
  });
  // Only an assignment that changes nothing may have been sent.
  assertMatch(await receiver.next(), /^X_[A-Z_]+=1$/);
  return others.map(({ verdict, text }) => `${verdict}: ${text}`);
}

const WATCHDOGS: [variables: Record<string, string>, says: RegExp][] = [
  [{}, /^note: WATCHDOG_USEC is not set/],
  [{ WATCHDOG_USEC: "1500000" }, /^ok: .* every 1\.5 s$/],
  [{ WATCHDOG_USEC: "1", WATCHDOG_PID: "7" }, /^ok: /],
  [
    { WATCHDOG_USEC: "1", WATCHDOG_PID: "8" },
    /^note: WATCHDOG_PID=8 is another process, this is 7/,
  ],
  [{ WATCHDOG_USEC: "soon" }, /^wrong: .*WATCHDOG_USEC: "soon"/],
];
for (const [variables, says] of WATCHDOGS) {
  Deno.test(`${JSON.stringify(variables)} is reported`, async () => {
    const [line = "", ...more] = await found(variables);
    assertMatch(line, says);
    assertEquals(more, []);
  });
}

Deno.test("a missing notify socket is noted, and so is a watchdog without one", async () => {
  const env = new Map([["WATCHDOG_USEC", "soon"]]);
  const findings = await checkManager(env, PID);
  assertEquals(findings.map(({ verdict }) => verdict), ["note"]);
});

Deno.test("a notify socket without a reader is noted", async () => {
  const env = new Map([["NOTIFY_SOCKET", "/nonexistent/notify"]]);
  const [finding, ...more] = await checkManager(env, PID);
  assertEquals([finding?.verdict, more], ["note", []]);
  assertMatch(finding!.text, /^Cannot notify "\/nonexistent\/notify": .*Type=/);
});
