const encoder = new TextEncoder();

/** Where whole lines can be written, one after the other. */
export interface LineSink {
  /** Writes some of the bytes and returns how many it took. */
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes a line, all of it.
 *
 * @throws {OutputError} The sink takes no more: a closed pipe, a full disk.
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

/** Output could not be written. */
export class OutputError extends Error {
  override readonly name = "OutputError";

  /** Whether whoever read it has gone, as `head` does when it has seen enough. */
  get isUnread(): boolean {
    return this.cause instanceof Deno.errors.BrokenPipe;
  }
}

/** Returns the error that tells that output could not be written. */
export function outputError(cause: unknown): OutputError {
  const reason = cause instanceof Error ? cause.message : cause;
  return new OutputError(`Cannot write output: ${reason}`, { cause });
}
