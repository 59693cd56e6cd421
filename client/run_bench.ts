import { EXIT } from "../cli/exit_status.ts";
import { writeLine } from "../cli/write_line.ts";
import { bench, type BenchOptions } from "./bench.ts";
import { benchJson, benchProgress, benchTable } from "./bench_output.ts";

/** Options for {@linkcode runBench}. */
export interface RunBenchOptions extends BenchOptions {
  /** The number of connections. */
  connections: number;
  /** Print JSON. */
  json: boolean;
}

/**
 * Measures a server and prints the result. Ctrl-C ends the measurement early; a second
 * one exits at once.
 *
 * @param dial Opens one connection.
 * @returns The exit status.
 * @throws {ClientError} A connection failed.
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
      onProgress: (progress) =>
        line.show(benchProgress(progress, options.durationMs)),
    });
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

/** Opens all connections; closes them if one fails. */
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

const encoder = new TextEncoder();

/** Moves to the start of the line and clears it. */
const CLEAR = "\r\x1b[K";

/** A line on a terminal that is overwritten, and removed at the end. */
export class ProgressLine implements Disposable {
  readonly #terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">;
  #shown = false;

  constructor(terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">) {
    this.#terminal = terminal;
  }

  /** Replaces the line. Writes nothing if there is no terminal. */
  show(text: string): void {
    if (!this.#terminal.isTerminal()) return;
    this.#shown = true;
    this.#write(CLEAR + text);
  }

  /** Removes the line. */
  [Symbol.dispose](): void {
    if (this.#shown) this.#write(CLEAR);
    this.#shown = false;
  }

  #write(text: string): void {
    try {
      this.#terminal.writeSync(encoder.encode(text));
    } catch {
      // A closed terminal needs no progress.
    }
  }
}
