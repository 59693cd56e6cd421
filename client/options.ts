import { parseCount } from "../cli/parse_count.ts";
import { parseDuration } from "../cli/parse_duration.ts";
import { parseOptions } from "../cli/parse_options.ts";
import { UsageError } from "../cli/usage_error.ts";
import { type Address, parseAddress } from "./address.ts";

/** What `ipc-client` was asked to do. */
export interface ClientOptions {
  /** The address as it was typed. */
  addressText: string;
  /** The address to connect to. */
  address: Address;
  /** Send what is typed or piped in, instead of counting. */
  interactive: boolean;
  /** How many numbers to send. */
  count: number;
  /** The pause between two numbers, in milliseconds. */
  intervalMs: number;
  /** How long a reply may take, in milliseconds. */
  timeoutMs: number;
  /** How long connecting may take, in milliseconds. */
  connectTimeoutMs: number;
  /** Keep trying to connect for that long, also while nothing listens. */
  retry: boolean;
}

const COUNT_MAX = 1_000_000_000;

/** The text of `ipc-client --help`. */
export const HELP = `Usage: ipc-client [options] [-unix] ADDRESS

Talks to an echo server: sends the numbers from 1, one line each, then "close",
and prints what comes back.

ADDRESS is a socket path, @abstract, host:port or [v6]:port.

Options:
  -unix                   ADDRESS is a unix socket, even with a colon in it
  --count N               send the numbers from 1 to N (default: 10)
  --interval TIME         pause between two numbers (default: 2s)
  --timeout TIME          how long a reply may take (default: 10s)
  --connect-timeout TIME  how long connecting may take (default: 5s)
  --retry                 while nothing listens there, keep trying for as long as
                          connecting may take
  --interactive           send what is typed, line by line, and print what comes
                          back; the default at a terminal, without --count
  -h, --help              print this help
  -V, --version           print the version

TIME is 200ms, 1.5s or plain seconds.

Exit status: 0 done, 1 no connection or no reply, 64 wrong usage.`;

/**
 * Parses the command line of `ipc-client`.
 *
 * @param stdinIsTerminal Whether somebody sits there to be interactive with.
 * @returns What to do, or which text to print instead.
 * @throws {UsageError} It is not understood.
 */
export function parseClientOptions(
  args: readonly string[],
  stdinIsTerminal: boolean,
): ClientOptions | "help" | "version" {
  const { values, flags, operands } = parseOptions(args, {
    values: ["count", "interval", "timeout", "connect-timeout"],
    flags: ["unix", "interactive", "retry", "help", "version"],
  });
  if (flags.help) return "help";
  if (flags.version) return "version";
  const [addressText, stray] = operands;
  if (addressText === undefined) {
    throw new UsageError(
      "No address given: usage: ipc-client [-unix] ADDRESS",
    );
  }
  if (stray !== undefined) {
    throw new UsageError(`Unexpected argument "${stray}"`);
  }
  if (flags.interactive && values.count !== undefined) {
    throw new UsageError(`Cannot use "--interactive" with "--count"`);
  }
  return {
    addressText,
    address: parseAddress(addressText, flags.unix),
    retry: flags.retry,
    interactive: flags.interactive ||
      (stdinIsTerminal && values.count === undefined),
    count: parseCount("--count", values.count ?? "10", 0, COUNT_MAX),
    intervalMs: parseDuration("--interval", values.interval ?? "2s"),
    timeoutMs: parseTimeout("--timeout", values.timeout ?? "10s"),
    connectTimeoutMs: parseTimeout(
      "--connect-timeout",
      values["connect-timeout"] ?? "5s",
    ),
  };
}

function parseTimeout(option: string, text: string): number {
  const ms = parseDuration(option, text);
  if (ms === 0) {
    throw new UsageError(`Cannot use ${option}: "${text}" leaves no time`);
  }
  return ms;
}
