import { parseCount, parseDuration } from "../cli/parse_value.ts";
import { parseOptions } from "../cli/parse_options.ts";
import { UsageError } from "../cli/exit_status.ts";
import { SERVER_USAGE } from "./usage.ts";

/** The options of `ipc-server`. */
export interface ServerOptions {
  /** Only print the help or the version. */
  show: "help" | "version" | undefined;
  /** Only check the passed socket. */
  check: boolean;
  /** The expected name of the socket. */
  name: string;
  /** Log no received chunks. */
  quiet: boolean;
  /** The time to drain connections on stop, in milliseconds. */
  drainTimeoutMs: number;
  /** The time without connections after which to exit, in milliseconds; 0: never. */
  idleTimeoutMs: number;
  /** The time after which to close a silent connection, in milliseconds; 0: never. */
  connectionTimeoutMs: number;
  /** The most connections served at a time. */
  maxConnections: number;
  /** The most connections that wait until others leave. */
  maxWaiting: number;
  /** The most connections that the kernel queues, as in `Backlog=`. */
  backlog: number;
}

const COUNT_MAX = 1_000_000;

/**
 * Parses the command line of `ipc-server`.
 *
 * @throws {UsageError} An option or argument is wrong.
 */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const { values, flags, operands } = parseOptions(args, SERVER_USAGE.options);
  if (operands.length > 0) {
    throw new UsageError(`Unexpected argument "${operands[0]}"`);
  }
  const duration = (name: keyof typeof values) =>
    parseDuration(`--${name}`, values[name]);
  const count = (name: keyof typeof values, min: number) =>
    parseCount(`--${name}`, values[name], min, COUNT_MAX);
  return {
    show: flags.help ? "help" : flags.version ? "version" : undefined,
    check: flags.check,
    name: values.name,
    quiet: flags.quiet,
    drainTimeoutMs: duration("drain-timeout"),
    idleTimeoutMs: duration("idle-timeout"),
    connectionTimeoutMs: duration("connection-timeout"),
    maxConnections: count("max-connections", 1),
    maxWaiting: count("max-waiting", 0),
    backlog: count("backlog", 1),
  };
}
