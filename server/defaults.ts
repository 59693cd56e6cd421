import type { ServerOptions } from "./options.ts";

/**
 * The default options: a start without arguments needs no parser. A test compares them
 * with the parser's result for an empty command line.
 */
export const SERVER_DEFAULTS: ServerOptions = {
  show: undefined,
  check: false,
  name: "ipc-server.socket",
  quiet: false,
  drainTimeoutMs: 5_000,
  idleTimeoutMs: 0,
  connectionTimeoutMs: 0,
  maxConnections: 4_096,
  maxWaiting: 1_024,
  backlog: 1_024,
};
