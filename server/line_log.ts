/** The time that a line waits for others to be written with it, in milliseconds. */
const DELAY_MS = 5;

/** The most characters queued for a slow reader. */
const QUEUE_MAX = 1024 * 1024;

/**
 * The most bytes that a nearly full pipe or journal socket takes in one piece (PIPE_BUF):
 * lines of other programs may split a longer write.
 */
const WHOLE_BYTES = 4096;

const NEWLINE = "\n".charCodeAt(0);

const TOO_SLOW = "its reader is too slow";

/** The output of a {@linkcode LineLog}. */
export interface LineLogSink {
  /** Writes some of the bytes and returns their number. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes lines in batches without blocking: writing each line would take a busy server
 * longer than serving its peers, and a log without a reader must not stop it.
 */
export class LineLog {
  readonly #sink: LineLogSink;
  readonly #onLost: (lines: number, reason: string) => void;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #queue: string[] = [];
  #queueLength = 0;
  /** The part of the current batch that is not written yet. */
  #unwritten = new Uint8Array(0);
  #lost = 0;
  /** Whether the last write ended within a line, as on a full disk. */
  #isPartial = false;
  #held: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written = Promise.resolve();

  /**
   * @param sink Receives the lines. Its failure does not affect the service.
   * @param onLost Called with the number of lost lines and the reason.
   * @param options.held Whether to queue lines until the first `flush`: the first timer
   * of a program takes long to load.
   */
  constructor(
    sink: LineLogSink,
    onLost: (lines: number, reason: string) => void,
    { held = false } = {},
  ) {
    this.#held = held;
    this.#sink = sink;
    this.#onLost = onLost;
  }

  /** Queues a line. */
  line(text: string): void {
    if (this.#queueLength > QUEUE_MAX) {
      this.#lost += 1;
      return;
    }
    this.#queue.push(text);
    this.#queueLength += text.length;
    if (!this.#held) this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /**
   * Queues a line of bytes that end with a newline, as a sink of a logger.
   *
   * @returns The number of bytes.
   */
  writeSync(bytes: Uint8Array): number {
    this.line(this.#decoder.decode(bytes.subarray(0, -1)));
    return bytes.length;
  }

  /** Writes the queued lines, and resolves when they are written or lost. */
  flush(): Promise<void> {
    this.#held = false;
    return this.#written = this.#written.then(() => this.#writeQueue());
  }

  /** Reports all unwritten lines as lost, before the program exits. */
  giveUp(): void {
    this.#lost += this.#queue.splice(0).length;
    this.#loseUnwritten(TOO_SLOW);
  }

  /** Lines added during a write go into the next batch. */
  async #writeQueue(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#queue.splice(0);
    this.#queueLength = 0;
    if (lines.length === 0) return;
    const start = this.#isPartial ? "\n" : "";
    const bytes = this.#encoder.encode(`${start}${lines.join("\n")}\n`);
    let written = 0;
    this.#unwritten = bytes.subarray(start.length);
    try {
      while (written < bytes.length) {
        const part = bytes.subarray(written, endOfPart(bytes, written));
        written += await this.#sink.write(part);
        this.#unwritten = bytes.subarray(written);
      }
      this.#isPartial = false;
      this.#reportLost(TOO_SLOW);
    } catch (error) {
      if (written > 0) this.#isPartial = bytes[written - 1] !== NEWLINE;
      this.#loseUnwritten(error instanceof Error ? error.message : `${error}`);
    }
  }

  #loseUnwritten(reason: string): void {
    this.#lost += this.#unwritten.filter((byte) => byte === NEWLINE).length;
    this.#unwritten = new Uint8Array(0);
    this.#reportLost(reason);
  }

  #reportLost(reason: string): void {
    if (this.#lost === 0) return;
    this.#onLost(this.#lost, reason);
    this.#lost = 0;
  }
}

/** Returns the end of the longest part of whole lines that is written in one piece. */
function endOfPart(bytes: Uint8Array, start: number): number {
  const limit = start + WHOLE_BYTES;
  if (bytes.length <= limit) return bytes.length;
  const newline = bytes.lastIndexOf(NEWLINE, limit - 1);
  return 1 + (newline >= start ? newline : bytes.indexOf(NEWLINE, limit));
}
