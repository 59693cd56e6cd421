import { parseCount } from "../cli/parse_count.ts";
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

/** The text of `ipc-server --help`. */
export const HELP = `Usage: ipc-server [options]

An echo server that systemd starts on the first connection. It serves the
socket that systemd passes as file descriptor 3 and sends back every byte; when
a connection has received "close", it is closed.

Options:
  --name NAME                serve the socket of this name
                             (default: ipc-server.socket)
  --quiet                    print no line for what is received
  --drain-timeout TIME       how long stopping may take (default: 5s)
  --idle-timeout TIME        exit when there was no connection for so long;
                             the next one starts the server again (default: 0,
                             never)
  --connection-timeout TIME  close a connection that sent nothing for so long
                             (default: 0, never)
  --max-connections N        serve so many connections at a time (default: 4096)
  --max-waiting N            hold so many more until others leave, and close
                             what exceeds that (default: 1024)
  --backlog N                let so many wait in the kernel: what Backlog= of
                             the socket unit says (default: 1024)
  -h, --help                 print this help
  -V, --version              print the version

TIME is 200ms, 1.5s or plain seconds. LimitNOFILE= of the service has to be at
least --max-connections + --max-waiting + --backlog (128 if that is less) + 64:
a server that runs out of descriptors would never accept again.

Start it with "systemctl start ipc-server.socket", or for a try with
  systemd-socket-activate --listen=/tmp/job.socket \\
    --fdname=ipc-server.socket ipc-server

Exit status: 0 stopped as asked, 1 failed while running, 64 wrong usage,
78 not given the socket it needs.`;

const COUNT_MAX = 1_000_000;

/**
 * Parses the command line of `ipc-server`.
 *
 * @throws {UsageError} It is not understood.
 */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const { values, flags, operands } = parseOptions(args, {
    values: [
      "name",
      "drain-timeout",
      "idle-timeout",
      "connection-timeout",
      "max-connections",
      "max-waiting",
      "backlog",
    ],
    flags: ["quiet", "help", "version"],
  });
  if (operands.length > 0) {
    throw new UsageError(`Unexpected argument "${operands[0]}"`);
  }
  const duration = (name: keyof typeof values, text: string) =>
    parseDuration(`--${name}`, values[name] ?? text);
  const count = (name: keyof typeof values, text: string, min: number) =>
    parseCount(`--${name}`, values[name] ?? text, min, COUNT_MAX);
  return {
    show: flags.help ? "help" : flags.version ? "version" : undefined,
    name: values.name ?? "ipc-server.socket",
    quiet: flags.quiet,
    drainTimeoutMs: duration("drain-timeout", "5s"),
    idleTimeoutMs: duration("idle-timeout", "0"),
    connectionTimeoutMs: duration("connection-timeout", "0"),
    maxConnections: count("max-connections", "4096", 1),
    maxWaiting: count("max-waiting", "1024", 0),
    backlog: count("backlog", "1024", 1),
  };
}
