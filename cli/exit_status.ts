/**
 * The exit statuses of both programs; the larger ones are those of sysexits(3).
 */
export const EXIT = {
  /** Did what was asked. */
  ok: 0,
  /** Failed while running. */
  failure: 1,
  /** Called in a way it does not understand (`EX_USAGE`). */
  usage: 64,
  /** Was not handed the socket it needs (`EX_CONFIG`). */
  config: 78,
  /** Was interrupted, as by Ctrl-C (128 + SIGINT, as shells have it). */
  interrupted: 130,
  /** Nobody reads its output any more (128 + SIGPIPE, as shells have it). */
  unread: 141,
} as const;
