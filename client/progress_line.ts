const encoder = new TextEncoder();

/** Moves to the start of the line, and clears it. */
const CLEAR = "\r\x1b[K";

/** A line on a terminal that is written anew again and again, and then removed. */
export class ProgressLine implements Disposable {
  readonly #terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">;
  #shown = false;

  constructor(terminal: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">) {
    this.#terminal = terminal;
  }

  /** Shows this instead of what was shown; nothing where there is no terminal. */
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
      // Nobody looks any more, and it was of no further use.
    }
  }
}
