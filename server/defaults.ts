import type { ServerOptions } from "./options.ts";

/**
 * The options of a server that was given none, so that its start needs no parser.
 * A test compares them with what the parser makes of an empty command line.
 */
export const SERVER_DEFAULTS: ServerOptions = {
  show: undefined,
  check: false,
  name: "ipc-server.socket",
  quiet: false,
  connectionNumbers: false,
  drainTimeoutMs: 5_000,
  idleTimeoutMs: 0,
  connectionTimeoutMs: 0,
  maxConnections: 4_096,
  maxWaiting: 1_024,
  backlog: 1_024,
};
