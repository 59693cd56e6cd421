/** How long a line may wait for others to be written with it, in milliseconds. */
const DELAY_MS = 5;

/** How many characters may wait for a reader that is slow. */
const WAITING_MAX = 1024 * 1024;

/**
 * What a pipe, or the journal's socket, takes in one piece even when it is nearly
 * full (PIPE_BUF): of more, others' lines could come in the midst.
 */
const WHOLE_BYTES = 4096;

const NEWLINE = "\n".charCodeAt(0);

const TOO_SLOW = "its reader is too slow";

/** Where a {@linkcode LineLog} writes. */
export interface LineLogSink {
  /** Writes some of the bytes and tells how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes lines, many at a time and without waiting: a busy server would spend
 * more on writing them one by one than on its peers, and a log that nobody reads
 * must not stop it.
 */
export class LineLog {
  readonly #sink: LineLogSink;
  readonly #onLost: (lines: number, reason: string) => void;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #waiting: string[] = [];
  #waitingLength = 0;
  /** What is being written, as far as it is not written yet. */
  #unwritten = new Uint8Array(0);
  #lost = 0;
  /** Whether what was written last is a part of a line: a disk was full. */
  #torn = false;
  #held: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written = Promise.resolve();

  /**
   * @param sink Where the lines go. It may go away without taking the service
   * with it.
   * @param onLost Told how many lines could not be written, and why.
   * @param options.held Whether lines wait for the first `flush`: a program that
   * starts has more urgent work, and its first timer takes long to load.
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

  /** Takes a line, to be written soon. */
  line(text: string): void {
    if (this.#waitingLength > WAITING_MAX) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (!this.#held) this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /**
   * Takes a line as bytes that end with a newline, as a logger writes it.
   *
   * @returns How many bytes that were.
   */
  writeSync(bytes: Uint8Array): number {
    this.line(this.#decoder.decode(bytes.subarray(0, -1)));
    return bytes.length;
  }

  /** Writes what waits, and resolves when it is written or lost. */
  flush(): Promise<void> {
    this.#held = false;
    return this.#written = this.#written.then(() => this.#writeWaiting());
  }

  /** Reports all that is not written yet as lost: the program is about to exit. */
  giveUp(): void {
    this.#lost += this.#waiting.splice(0).length;
    this.#loseUnwritten(TOO_SLOW);
  }

  /** Lines added during a write go into the next batch. */
  async #writeWaiting(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#waiting.splice(0);
    this.#waitingLength = 0;
    if (lines.length === 0) return;
    const start = this.#torn ? "\n" : "";
    const bytes = this.#encoder.encode(`${start}${lines.join("\n")}\n`);
    let written = 0;
    this.#unwritten = bytes.subarray(start.length);
    try {
      while (written < bytes.length) {
        const part = bytes.subarray(written, endOfPart(bytes, written));
        written += await this.#sink.write(part);
        this.#unwritten = bytes.subarray(written);
      }
      this.#torn = false;
      this.#reportLost(TOO_SLOW);
    } catch (error) {
      if (written > 0) this.#torn = bytes[written - 1] !== NEWLINE;
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

/** Where the longest part that stays whole ends, or a line that is longer. */
function endOfPart(bytes: Uint8Array, start: number): number {
  const limit = start + WHOLE_BYTES;
  if (bytes.length <= limit) return bytes.length;
  const newline = bytes.lastIndexOf(NEWLINE, limit - 1);
  return 1 + (newline >= start ? newline : bytes.indexOf(NEWLINE, limit));
}
