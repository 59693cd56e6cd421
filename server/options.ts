import { parseCount } from "../cli/parse_count.ts";
import { parseDuration } from "../cli/parse_duration.ts";
import { parseOptions } from "../cli/parse_options.ts";
import { UsageError } from "../cli/usage_error.ts";
import { SERVER_USAGE } from "./usage.ts";

/** What `ipc-server` was asked to do. */
export interface ServerOptions {
  /** Print the help or the version, and nothing else. */
  show: "help" | "version" | undefined;
  /** Tell what was handed over, and serve nobody. */
  check: boolean;
  /** The name that the inherited socket must have. */
  name: string;
  /** Print no line for what is received. */
  quiet: boolean;
  /** Number the connections, and print the number in each line. */
  connectionNumbers: boolean;
  /** How long stopping may take, in milliseconds. */
  drainTimeoutMs: number;
  /** Exit when there was no connection for so long, in milliseconds; 0 never. */
  idleTimeoutMs: number;
  /** Close a connection that was silent for so long, in milliseconds; 0 never. */
  connectionTimeoutMs: number;
  /** How many connections are served at a time. */
  maxConnections: number;
  /** How many more are held until others leave. */
  maxWaiting: number;
  /** How many connections the kernel keeps waiting, as in `Backlog=`. */
  backlog: number;
}

const COUNT_MAX = 1_000_000;

/**
 * Parses the command line of `ipc-server`.
 *
 * @throws {UsageError} It is not understood.
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
    connectionNumbers: flags["connection-numbers"],
    drainTimeoutMs: duration("drain-timeout"),
    idleTimeoutMs: duration("idle-timeout"),
    connectionTimeoutMs: duration("connection-timeout"),
    maxConnections: count("max-connections", 1),
    maxWaiting: count("max-waiting", 0),
    backlog: count("backlog", 1),
  };
}
