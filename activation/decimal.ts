const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

const PID_MAX = 2 ** 31 - 1;

/**
 * Parses an unsigned decimal integer, and nothing else: no sign, no spaces, no
 * hexadecimal, and no leading zero, which libsystemd takes for octal.
 *
 * @returns The number, or undefined when it is none.
 */
export function parseDecimal(text: string): bigint | undefined {
  return DECIMAL.test(text) ? BigInt(text) : undefined;
}

/** Parses a process id; undefined when it is none. */
export function parsePid(text: string): number | undefined {
  const pid = parseDecimal(text);
  return pid !== undefined && pid >= 1n && pid <= PID_MAX
    ? Number(pid)
    : undefined;
}
