import { parseDuration } from "../cli/parse_duration.ts";
import { parseOptions } from "../cli/parse_options.ts";
import { UsageError } from "../cli/usage_error.ts";

/** What `ipc-server` was asked to do. */
export interface ServerOptions {
  /** Print the help or the version, and nothing else. */
  show: "help" | "version" | undefined;
  /** The name that the inherited socket must have. */
  name: string;
  /** Print no line for what is received. */
  quiet: boolean;
  /** How long stopping may take, in milliseconds. */
  drainTimeoutMs: number;
}

/** The text of `ipc-server --help`. */
export const HELP = `Usage: ipc-server [options]

An echo server that systemd starts on the first connection. It serves the
socket that systemd passes as file descriptor 3 and sends back every byte; when
a connection has received "close", it is closed.

Options:
  --name NAME            serve the socket of this name
                         (default: ipc-server.socket)
  --quiet                print no line for what is received
  --drain-timeout TIME   how long stopping may take: 200ms, 1.5s or plain
                         seconds (default: 5s)
  -h, --help             print this help
  -V, --version          print the version

Start it with "systemctl start ipc-server.socket", or for a try with
  systemd-socket-activate --listen=/tmp/job.socket \\
    --fdname=ipc-server.socket ipc-server

Exit status: 0 stopped as asked, 1 failed while running, 64 wrong usage,
78 not given the socket it needs.`;

/**
 * Parses the command line of `ipc-server`.
 *
 * @throws {UsageError} It is not understood.
 */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const { values, flags, operands } = parseOptions(args, {
    values: ["name", "drain-timeout"],
    flags: ["quiet", "help", "version"],
  });
  if (operands.length > 0) {
    throw new UsageError(`Unexpected argument "${operands[0]}"`);
  }
  return {
    show: flags.help ? "help" : flags.version ? "version" : undefined,
    name: values.name ?? "ipc-server.socket",
    quiet: flags.quiet,
    drainTimeoutMs: parseDuration(
      "--drain-timeout",
      values["drain-timeout"] ?? "5s",
    ),
  };
}
