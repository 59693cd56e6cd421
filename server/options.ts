import { EXIT, UsageError } from "../cli/exit_status.ts";
import { COMMON_OPTIONS, type ProgramUsage } from "../cli/program_usage.ts";

/** The options of `ipc-server`. */
export interface IpcServerOptions {
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
  /** The time after which to close an idle connection, in milliseconds; 0: never. */
  connectionTimeoutMs: number;
  /** The most connections served at a time. */
  maxConnections: number;
  /** The most connections that wait until others end. */
  maxWaiting: number;
  /** The most connections that the kernel queues, as in `Backlog=`. */
  backlog: number;
}

/** The options of an empty command line, which needs no parser. */
export const SERVER_DEFAULTS: IpcServerOptions = {
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

/** How `ipc-server` is used. */
export const SERVER_USAGE = {
  name: "ipc-server",
  synopsis: "[options]",
  about:
    `An echo server that systemd starts on the first connection. It serves the
socket that systemd passes as file descriptor 3 and sends back every byte; when
a connection has received "close", it is closed.`,
  options: {
    "name": {
      value: "NAME",
      default: "ipc-server.socket",
      help: "serve the socket of this name",
    },
    "check": {
      help:
        "check the socket and settings from systemd, print the result, and exit",
    },
    "quiet": { help: "log no received chunks" },
    "drain-timeout": {
      value: "TIME",
      default: "5s",
      help: "on stop, close connections that are still open after TIME",
    },
    "idle-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help:
        "exit after TIME without connections; the next connection starts the server again",
    },
    "connection-timeout": {
      value: "TIME",
      default: "0",
      defaultMeans: "never",
      help: "close connections idle for TIME",
    },
    "max-connections": {
      value: "N",
      default: "4096",
      help: "serve at most N connections at a time",
    },
    "max-waiting": {
      value: "N",
      default: "1024",
      help: "keep up to N more connections waiting; close the rest",
    },
    "backlog": {
      value: "N",
      default: "1024",
      help:
        "set the kernel's queue to N connections, as Backlog= of the socket unit",
    },
    ...COMMON_OPTIONS,
  },
  notes:
    `TIME is 200ms, 1.5s or plain seconds. The limits on connections require a
LimitNOFILE= of the service, which --check judges.

Start it with "systemctl start ipc-server.socket", or by hand with
  systemd-socket-activate --listen=/tmp/job.socket \\
    --fdname=ipc-server.socket ipc-server`,
  exits: {
    [EXIT.ok]:
      "stopped by a signal or --idle-timeout, or --check found no error",
    [EXIT.failure]: "run-time failure",
    [EXIT.usage]: "wrong usage",
    [EXIT.config]: "the expected socket was not passed",
    [EXIT.outputClosed]: "output closed early (SIGPIPE)",
  },
} as const satisfies ProgramUsage;

const COUNT_MAX = 1_000_000;

/**
 * Parses the command line of `ipc-server`. Loads the parser only for arguments.
 *
 * @throws {UsageError} An option or argument is wrong.
 */
export async function parseServerOptions(
  args: readonly string[],
): Promise<IpcServerOptions> {
  if (args.length === 0) return SERVER_DEFAULTS;
  const { parseOptions } = await import("../cli/parse_options.ts");
  const { parseCount, parseDuration } = await import("../cli/parse_value.ts");
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
