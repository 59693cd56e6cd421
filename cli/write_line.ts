const encoder = new TextEncoder();

/** An output for whole lines. */
export interface LineSink {
  /** Writes some of the bytes and returns their number. */
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes a whole line.
 *
 * @throws {OutputError} The sink fails: a closed pipe, a full disk.
 */
export function writeLine(sink: LineSink, line: string): void {
  const bytes = encoder.encode(`${line}\n`);
  try {
    for (let written = 0; written < bytes.length;) {
      written += sink.writeSync(bytes.subarray(written));
    }
  } catch (cause) {
    throw outputError(cause);
  }
}

/** Thrown when output cannot be written. */
export class OutputError extends Error {
  override readonly name = "OutputError";

  /** Whether the reader has closed the output (SIGPIPE), as `head` does. */
  get isClosed(): boolean {
    return this.cause instanceof Deno.errors.BrokenPipe;
  }
}

/** Returns the error of a failed write. */
export function outputError(cause: unknown): OutputError {
  const reason = cause instanceof Error ? cause.message : cause;
  return new OutputError(`Cannot write output: ${reason}`, { cause });
}
