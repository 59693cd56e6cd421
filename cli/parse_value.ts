import { UsageError } from "./exit_status.ts";

/**
 * Parses a count.
 *
 * @param option The option, for the error message.
 * @throws {UsageError} The text is not a decimal integer, or out of range.
 */
export function parseCount(
  option: string,
  text: string,
  min: number,
  max: number,
): number {
  const count = /^[0-9]+$/.test(text) ? Number(text) : NaN;
  if (!(count >= min && count <= max)) {
    throw new UsageError(
      `Cannot parse ${option}: "${text}" is not an integer from ${min} to ${max}`,
    );
  }
  return count;
}

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  "": 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** The longest delay of a timer: 2³¹−1 ms, about 24 days. */
const DURATION_MAX_MS = 2 ** 31 - 1;

/**
 * Parses a duration: `200ms`, `1.5s`, `2min`, `1h`, or plain seconds.
 *
 * @param option The option, for the error message.
 * @returns Milliseconds.
 * @throws {UsageError} The text is not a duration, or too long for a timer.
 */
export function parseDuration(option: string, text: string): number {
  const [, amount = "", unit = ""] =
    /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|min|h|)$/.exec(text) ?? [];
  // Rounded to microseconds: as a binary fraction, 1.001 s is less than 1001 ms.
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
