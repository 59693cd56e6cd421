import { UsageError } from "./usage_error.ts";

/**
 * Parses a count.
 *
 * @param option What is parsed, for the message.
 * @throws {UsageError} It is not an integer in plain digits, or out of range.
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
