/** How long a line may wait for others to be written with it, in milliseconds. */
const DELAY_MS = 5;

/** How many characters may wait for a reader that is slow. */
const WAITING_MAX = 1024 * 1024;

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
  #waiting: string[] = [];
  #waitingLength = 0;
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;

  /**
   * @param sink Where the lines go. It may go away without taking the service
   * with it.
   * @param onLost Told how many lines could not be written, and why.
   */
  constructor(
    sink: LineLogSink,
    onLost: (lines: number, reason: string) => void,
  ) {
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
    this.#timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** Starts to write what waits, and resolves when it is written or lost. */
  flush(): Promise<void> {
    return this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingLength = 0;
      try {
        await this.#write(this.#encoder.encode(`${lines.join("\n")}\n`));
        this.#tellLost("nobody read them in time");
      } catch (error) {
        this.#lost += lines.length;
        this.#tellLost(error instanceof Error ? error.message : `${error}`);
      }
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#sink.write(bytes.subarray(written));
    }
  }

  #tellLost(reason: string): void {
    if (this.#lost === 0) return;
    this.#onLost(this.#lost, reason);
    this.#lost = 0;
  }
}
