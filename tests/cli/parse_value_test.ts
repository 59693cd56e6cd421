import { assertEquals, assertThrows } from "@std/assert";
import { parseDuration } from "../../cli/parse_value.ts";
import { UsageError } from "../../cli/exit_status.ts";

const LONGEST_MS = 2 ** 31 - 1;

const UNDERSTOOD: [text: string, ms: number][] = [
  ["200ms", 200],
  ["0ms", 0],
  ["1.5ms", 1.5],
  ["2s", 2_000],
  [".5s", 500],
  ["0.25", 250],
  ["0", 0],
  ["007", 7_000],
  ["2m", 120_000],
  ["2min", 120_000],
  ["1h", 3_600_000],
  ["596h", 596 * 3_600_000],
  [`${LONGEST_MS}ms`, LONGEST_MS],
];

Deno.test("duration: a number with a unit, or of seconds", () => {
  for (const [text, ms] of UNDERSTOOD) {
    assertEquals(parseDuration("--interval", text), ms, text);
  }
});

Deno.test("duration: decimals of a second are whole milliseconds", () => {
  for (let ms = 0; ms < 5_000; ms++) {
    const text = `${Math.floor(ms / 1000)}.${`${ms % 1000}`.padStart(3, "0")}s`;
    assertEquals(parseDuration("--interval", text), ms, text);
  }
});

const REFUSED = [
  ...["", " ", "1 s", " 1s", "1s ", "1s\n"],
  ..."s ms . 1. 1.s 1..5s 1.5.0s 1,5s -1s +1s 1e3 0x10 1_000ms".split(" "),
  ..."Infinity NaN 1d 1S 1s500ms soon 1constructor \u0661s".split(" "),
];

Deno.test("duration: other text is refused, with examples", () => {
  for (const text of REFUSED) {
    const parse = () => parseDuration("--interval", text);
    const { message } = assertThrows(parse, UsageError);
    assertEquals(
      message,
      `Cannot parse --interval: "${text}" is not a duration; write 200ms, 1.5s or plain seconds`,
    );
  }
});

Deno.test("duration: one that no timer takes is refused", () => {
  for (const text of [`${LONGEST_MS + 1}ms`, "597h", "9".repeat(400)]) {
    const parse = () => parseDuration("--timeout", text);
    assertThrows(parse, UsageError, `--timeout: "${text}"`);
  }
});
