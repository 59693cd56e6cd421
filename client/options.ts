import { parseCount } from "../cli/parse_count.ts";
import { parseDuration } from "../cli/parse_duration.ts";
import { type ParsedOptions, parseOptions } from "../cli/parse_options.ts";
import { UsageError } from "../cli/usage_error.ts";
import { type Address, parseAddress } from "./address.ts";
import { CLIENT_USAGE } from "./usage.ts";

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
  /** Measure the server, instead of counting. */
  bench: BenchSettings | undefined;
}

/** How `ipc-client` was asked to measure the server. */
export interface BenchSettings {
  /** How long to measure, in milliseconds. */
  durationMs: number;
  /** How many bytes a message has. */
  sizeBytes: number;
  /** How many connections to load. */
  connections: number;
  /** How many messages are on their way at a time, on each connection. */
  pipeline: number;
  /** Print JSON for machines. */
  json: boolean;
}

const COUNT_MAX = 1_000_000_000;
const SIZE_MAX_BYTES = 64 * 1024 * 1024;
const CONNECTIONS_MAX = 10_000;
const PIPELINE_MAX = 1_000;

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
    throw new UsageError(`Cannot use ${option}: "${text}" leaves no time`);
  }
  return ms;
}
