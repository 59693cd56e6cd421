import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { formatNotifyState } from "../../daemon/notify_state.ts";
import { NotifyError, type NotifyState } from "../../mod.ts";

const WRITTEN: [state: NotifyState, text: string][] = [
  [{}, ""],
  [{ ready: false, status: "busy" }, "STATUS=busy"],
  [{ status: "up", ready: true }, "READY=1\nSTATUS=up"],
  [{ stopping: true, exitStatus: 0 }, "STOPPING=1\nEXIT_STATUS=0"],
  [{ status: "" }, "STATUS="],
  [{ status: "a\r\n  b\n\nc" }, "STATUS=a b c"],
  [{ status: "50 % = half" }, "STATUS=50 % = half"],
  [{ status: "a\n b\x1b[31m\0\u202ec" }, "STATUS=a b\\x1b[31m\\x00\\u{202e}c"],
  [{ errno: 2, busError: "a.B.TimedOut" }, "ERRNO=2\nBUSERROR=a.B.TimedOut"],
  [{ varlinkError: "a.b.Invalid" }, "VARLINKERROR=a.b.Invalid"],
  [{ mainPid: 4711 }, "MAINPID=4711"],
  [{ watchdog: true }, "WATCHDOG=1"],
  [{ watchdog: "trigger" }, "WATCHDOG=trigger"],
  [{ watchdog: false }, ""],
  [{ watchdogUsec: 20_000_000 }, "WATCHDOG_USEC=20000000"],
  [{ extendTimeoutUsec: 5_000_000 }, "EXTEND_TIMEOUT_USEC=5000000"],
  [{ notifyAccess: "all" }, "NOTIFYACCESS=all"],
];
for (const [state, text] of WRITTEN) {
  Deno.test(`${Deno.inspect(state)} is written as ${JSON.stringify(text)}`, () => {
    assertEquals(formatNotifyState(state), text);
  });
}

const REFUSED: Record<string, unknown>[] = [
  ...[0, -2, 1.5, NaN, "2\nREADY=1"].map((errno) => ({ errno })),
  ...[256, -1].map((exitStatus) => ({ exitStatus })),
  ...[0, 2 ** 31].map((mainPid) => ({ mainPid })),
  ...["a\nREADY=1", ""].map((busError) => ({ busError })),
  { watchdogUsec: 0 },
  { extendTimeoutUsec: 2 ** 53 },
  { varlinkError: "with space" },
  { watchdog: "yes" },
  { notifyAccess: "some" },
];
for (const state of REFUSED) {
  const [name] = Object.keys(state);
  Deno.test(`${Deno.inspect(state)} is refused`, () => {
    const error = assertThrows(() => formatNotifyState(state), NotifyError);
    assertEquals(error.message.startsWith(`Cannot notify ${name}: `), true);
    assertEquals(error.code, "invalid");
  });
}

Deno.test("a status is cut to systemd's limit, in whole characters", () => {
  for (const character of ["x", "é", "😀"]) {
    const text = formatNotifyState({
      ready: true,
      status: character.repeat(5_000),
      mainPid: 1,
    });
    const bytes = new TextEncoder().encode(text).length;
    assert(bytes <= 4_096 && bytes > 4_000, `${bytes} bytes`);
    assertMatch(
      text,
      new RegExp(`^READY=1\nSTATUS=(${character})+…\nMAINPID=1$`, "u"),
    );
  }
  const whole = `STATUS=${"x".repeat(4_000)}`;
  assertEquals(formatNotifyState({ status: "x".repeat(4_000) }), whole);
});
