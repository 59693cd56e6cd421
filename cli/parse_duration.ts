import { UsageError } from "./usage_error.ts";

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  "": 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** Timers take no more: 2³¹−1 ms, some 24 days. */
const DURATION_MAX_MS = 2 ** 31 - 1;

/**
 * Parses a duration: `200ms`, `1.5s`, `2min`, `1h`, or plain seconds.
 *
 * @param option What is parsed, for the message.
 * @returns Milliseconds.
 * @throws {UsageError} It is not a duration, negative, or too long for a timer.
 */
export function parseDuration(option: string, text: string): number {
  const [, amount = "", unit = ""] =
    /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|min|h|)$/.exec(text) ?? [];
  // To the microsecond: binary fractions make 1.001s a little less than 1001 ms.
  const ms = amount === ""
    ? NaN
    : Math.round(Number(amount) * UNIT_MS[unit]! * 1_000) / 1_000;
  if (Number.isNaN(ms)) {
    throw new UsageError(
      `Cannot parse ${option}: "${text}" is not a duration; write 200ms, 1.5s or plain seconds`,
    );
  }
  if (ms > DURATION_MAX_MS) {
    throw new UsageError(
      `Cannot use ${option}: "${text}" is longer than ${
        Math.floor(DURATION_MAX_MS / UNIT_MS.h!)
      }h`,
    );
  }
  return ms;
}
