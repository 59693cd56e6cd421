const encoder = new TextEncoder();

/** Where whole lines can be written, one after the other. */
export interface LineSink {
  /** Writes some of the bytes and returns how many it took. */
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes a line, all of it.
 *
 * @throws {Error} The sink takes no more: a closed pipe, a full disk.
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

/** Returns the error that tells that output could not be written. */
export function outputError(cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : cause;
  return new Error(`Cannot write output: ${reason}`, { cause });
}
