import { BenchConnection, type BenchLoad } from "./bench_connection.ts";
import { BenchPayload } from "./bench_payload.ts";
import { noReply } from "./client_error.ts";
import { LatencyHistogram } from "./latency_histogram.ts";

/** The interval of progress reports, in milliseconds. */
const PROGRESS_MS = 500;

/** Options for {@linkcode bench}. */
export interface BenchOptions extends BenchLoad {
  /** The duration of the measurement, in milliseconds. */
  durationMs: number;
  /** The longest silence of a connection, in milliseconds. */
  timeoutMs: number;
  /** Ends the measurement early when aborted. */
  signal?: AbortSignal;
  /** Called periodically with the progress. */
  onProgress?: (progress: { elapsedMs: number; messages: number }) => void;
}

/** The result of a measurement. */
export interface BenchResult {
  /** The duration, in milliseconds. */
  elapsedMs: number;
  /** Whether it ended early. */
  interrupted: boolean;
  /** The number of connections. */
  connections: number;
  /** The number of bytes received. */
  bytes: number;
  /** The latencies of the messages received. */
  latencies: LatencyHistogram;
}

/**
 * Loads an echo server over these connections, and closes them.
 *
 * @throws {ClientError} A connection is lost, or replies are missing or wrong.
 */
export async function bench(
  conns: readonly Deno.Conn[],
  options: BenchOptions,
): Promise<BenchResult> {
  const payload = new BenchPayload(options.sizeBytes);
  const latencies = new LatencyHistogram();
  const connections = conns.map((conn, i) =>
    new BenchConnection(conn, i + 1, options, payload)
  );
  const received = () =>
    connections.reduce((sum, { received }) => sum + received, 0);

  const start = performance.now();
  const result: BenchResult = {
    elapsedMs: 0,
    interrupted: false,
    connections: conns.length,
    bytes: 0,
    latencies,
  };
  const stop = () => {
    if (result.elapsedMs > 0) return;
    result.elapsedMs = performance.now() - start;
    result.interrupted = options.signal?.aborted ?? false;
    result.bytes = received();
    for (const connection of connections) connection.stop();
    clearInterval(progress);
  };
  const end = setTimeout(stop, options.durationMs);
  const progress = setInterval(() => {
    const elapsedMs = performance.now() - start;
    options.onProgress?.({ elapsedMs, messages: latencies.count });
  }, PROGRESS_MS);
  using silence = new SilenceWatch(options);
  try {
    options.signal?.addEventListener("abort", stop);
    const running = connections.map(async (connection) => {
      silence.watch(connection);
      await connection.run((ms) => latencies.add(ms));
      silence.unwatch(connection);
    });
    if (options.signal?.aborted) stop();
    await Promise.race([Promise.all(running), silence.broken]);
    return result;
  } finally {
    clearTimeout(end);
    clearInterval(progress);
    options.signal?.removeEventListener("abort", stop);
    for (const conn of conns) conn[Symbol.dispose]();
  }
}

/** Detects connections that receive nothing. */
class SilenceWatch implements Disposable {
  /** Rejects when a connection is silent for too long. */
  readonly broken: Promise<never>;
  readonly #watched = new Map<
    BenchConnection,
    { received: number; silentMs: number }
  >();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(
    { addressText, timeoutMs }: Pick<BenchOptions, "addressText" | "timeoutMs">,
  ) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.broken = promise;
    // Checks are counted instead of time: after a stopped client continues, it still
    // receives the pending replies.
    const checkMs = Math.min(250, Math.max(1, timeoutMs / 4));
    this.#timer = setInterval(() => {
      for (const [connection, seen] of this.#watched) {
        if (connection.received !== seen.received) {
          seen.received = connection.received;
          seen.silentMs = 0;
        } else if ((seen.silentMs += checkMs) > timeoutMs) {
          reject(noReply(addressText, timeoutMs, connection.progress));
        }
      }
    }, checkMs);
  }

  watch(connection: BenchConnection): void {
    this.#watched.set(connection, { received: 0, silentMs: 0 });
  }

  unwatch(connection: BenchConnection): void {
    this.#watched.delete(connection);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
