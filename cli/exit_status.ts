/** The exit statuses of both programs; 64 and 78 are those of sysexits(3). */
export const EXIT = {
  /** Success. */
  ok: 0,
  /** A run-time failure. */
  failure: 1,
  /** Wrong options or arguments (`EX_USAGE`). */
  usage: 64,
  /** The expected socket was not passed (`EX_CONFIG`). */
  config: 78,
  /** Interrupted by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
  /** The output was closed early (128 + SIGPIPE). */
  outputClosed: 141,
} as const;

/** Thrown for wrong options or arguments. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
