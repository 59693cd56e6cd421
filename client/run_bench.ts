import { EXIT } from "../cli/exit_status.ts";
import { writeLine } from "../cli/write_line.ts";
import { bench, type BenchOptions } from "./bench.ts";
import { benchJson, benchProgress, benchTable } from "./bench_report.ts";
import { ProgressLine } from "./progress_line.ts";

/** What a measurement consists of. */
export interface RunBenchOptions extends BenchOptions {
  /** How many connections to load. */
  connections: number;
  /** Print JSON for machines. */
  json: boolean;
}

/**
 * Measures a server and prints the result. Ctrl-C ends it early; a second one at
 * once.
 *
 * @param dial Makes one connection.
 * @returns The exit status.
 * @throws {ClientError} There is no connection to be had, or one went wrong.
 */
export async function runBench(
  options: RunBenchOptions,
  dial: () => Promise<Deno.Conn>,
): Promise<number> {
  const conns = await dialAll(options.connections, dial);
  const result = await measured(conns, options);
  const lines = options.json
    ? [benchJson(result, options)]
    : benchTable(result, options);
  for (const line of lines) writeLine(Deno.stdout, line);
  return result.interrupted ? EXIT.interrupted : EXIT.ok;
}

async function measured(conns: Deno.Conn[], options: RunBenchOptions) {
  using line = new ProgressLine(Deno.stderr);
  const interrupted = new AbortController();
  const onInterrupt = () => {
    if (interrupted.signal.aborted) {
      line[Symbol.dispose]();
      Deno.exit(EXIT.interrupted);
    }
    interrupted.abort();
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    return await bench(conns, {
      ...options,
      signal: interrupted.signal,
      onProgress: (sofar) =>
        line.show(benchProgress(sofar, options.durationMs)),
    });
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

/** Makes all the connections, or none. */
async function dialAll(
  count: number,
  dial: () => Promise<Deno.Conn>,
): Promise<Deno.Conn[]> {
  const dialled = await Promise.allSettled(
    Array.from({ length: count }, dial),
  );
  const conns = dialled.flatMap((each) =>
    each.status === "fulfilled" ? [each.value] : []
  );
  const failed = dialled.find((each) => each.status === "rejected");
  if (failed === undefined) return conns;
  for (const conn of conns) conn.close();
  throw failed.reason;
}
