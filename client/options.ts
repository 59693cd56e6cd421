import { parseCount, parseDuration } from "../cli/parse_value.ts";
import { type ParsedOptions, parseOptions } from "../cli/parse_options.ts";
import { EXIT, UsageError } from "../cli/exit_status.ts";
import { COMMON_OPTIONS, type ProgramUsage } from "../cli/program_usage.ts";
import { type Address, parseAddress } from "./address.ts";

/** The options of `ipc-client`. */
export interface ClientOptions {
  /** The address argument. */
  addressText: string;
  /** The address to connect to. */
  address: Address;
  /** Send typed or piped input instead of numbers. */
  interactive: boolean;
  /** The number of numbers to send. */
  count: number;
  /** The pause between two numbers, in milliseconds. */
  intervalMs: number;
  /** The time limit of a reply, in milliseconds. */
  timeoutMs: number;
  /** The time limit of connecting, in milliseconds. */
  connectTimeoutMs: number;
  /** Retry within that limit while nothing listens. */
  retry: boolean;
  /** Measure the server instead of sending numbers. */
  bench: BenchSettings | undefined;
}

/** The options of `--bench`. */
export interface BenchSettings {
  /** The duration, in milliseconds. */
  durationMs: number;
  /** The size of a message, in bytes. */
  sizeBytes: number;
  /** The number of connections. */
  connections: number;
  /** The number of messages in flight on each connection. */
  pipeline: number;
  /** Print JSON. */
  json: boolean;
}

/** How `ipc-client` is used. */
export const CLIENT_USAGE = {
  name: "ipc-client",
  synopsis: "[options] [-unix] ADDRESS",
  about:
    `Client of an echo server: sends the numbers from 1, one on each line, then
"close", and prints the replies.

ADDRESS is a socket path, @abstract, host:port or [v6]:port; or a URL, unix:PATH
or tcp://host:port.`,
  options: {
    "unix": {
      oneDash: true,
      help: "use ADDRESS as a unix socket, also with a colon in it",
    },
    "count": {
      value: "N",
      default: "10",
      help: "send the numbers from 1 to N",
    },
    "interval": {
      value: "TIME",
      default: "2s",
      help: "pause between two numbers",
    },
    "timeout": {
      value: "TIME",
      default: "10s",
      help: "wait for a reply for at most TIME",
    },
    "connect-timeout": {
      value: "TIME",
      default: "5s",
      help: "connect within TIME",
    },
    "retry": {
      help: "while nothing listens on ADDRESS, retry within --connect-timeout",
    },
    "interactive": {
      help:
        "send standard input line by line and print the replies; the default at a terminal without --count",
    },
    "bench": {
      help:
        "measure the server under load: check its echo, print messages per second and latencies",
    },
    "duration": {
      value: "TIME",
      default: "5s",
      help: "with --bench: measure for TIME",
    },
    "size": {
      value: "N",
      default: "64",
      help: "with --bench: send messages of N bytes",
    },
    "connections": {
      value: "N",
      default: "1",
      help: "with --bench: use N connections at a time",
    },
    "pipeline": {
      value: "N",
      default: "1",
      help: "with --bench: keep N messages in flight on each connection",
    },
    "json": {
      help: "with --bench: print one line of JSON",
    },
    ...COMMON_OPTIONS,
  },
  notes: "TIME is 200ms, 1.5s or plain seconds.",
  exits: {
    [EXIT.ok]: "success",
    [EXIT.failure]:
      "could not connect, lost the connection, or a reply was missing or wrong",
    [EXIT.usage]: "wrong usage",
    [EXIT.interrupted]: "interrupted by Ctrl-C",
    [EXIT.outputClosed]: "output closed early (SIGPIPE)",
  },
} as const satisfies ProgramUsage;

const COUNT_MAX = 1_000_000_000;
const SIZE_MAX_BYTES = 64 * 1024 * 1024;
const CONNECTIONS_MAX = 10_000;
const PIPELINE_MAX = 1_000;

/**
 * Parses the command line of `ipc-client`.
 *
 * @param stdinIsTerminal Whether interactive mode is the default.
 * @returns The options, or the text to print instead.
 * @throws {UsageError} An option or argument is wrong.
 */
export function parseClientOptions(
  args: readonly string[],
  stdinIsTerminal: boolean,
): ClientOptions | "help" | "version" {
  const { values, flags, given, operands } = parseOptions(
    args,
    CLIENT_USAGE.options,
  );
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
  if (flags.interactive && given.count) {
    throw new UsageError(`Cannot use "--interactive" with "--count"`);
  }
  const bench = parseBench({ values, flags, given });
  return {
    addressText,
    address: parseAddress(addressText, flags.unix),
    retry: flags.retry,
    interactive: flags.interactive ||
      (stdinIsTerminal && !given.count && bench === undefined),
    count: parseCount("--count", values.count, 0, COUNT_MAX),
    intervalMs: parseDuration("--interval", values.interval),
    timeoutMs: parseTimeout("--timeout", values.timeout),
    connectTimeoutMs: parseTimeout(
      "--connect-timeout",
      values["connect-timeout"],
    ),
    bench,
  };
}

function parseBench(
  { values, flags, given }: Omit<
    ParsedOptions<typeof CLIENT_USAGE.options>,
    "operands"
  >,
): BenchSettings | undefined {
  const isGiven = { ...given, ...flags };
  const others = flags.bench
    ? ["interactive", "count", "interval"] as const
    : ["duration", "size", "connections", "pipeline", "json"] as const;
  const other = others.find((name) => isGiven[name]);
  if (other !== undefined) {
    throw new UsageError(
      flags.bench
        ? `Cannot use "--bench" with "--${other}"`
        : `Cannot use "--${other}" without "--bench"`,
    );
  }
  if (!flags.bench) return undefined;
  const { duration, size, connections, pipeline } = values;
  return {
    durationMs: parseTimeout("--duration", duration),
    sizeBytes: parseCount("--size", size, 1, SIZE_MAX_BYTES),
    connections: parseCount("--connections", connections, 1, CONNECTIONS_MAX),
    pipeline: parseCount("--pipeline", pipeline, 1, PIPELINE_MAX),
    json: flags.json,
  };
}

function parseTimeout(option: string, text: string): number {
  const ms = parseDuration(option, text);
  if (ms === 0) {
    throw new UsageError(
      `Cannot use ${option}: "${text}" must be longer than 0`,
    );
  }
  return ms;
}
