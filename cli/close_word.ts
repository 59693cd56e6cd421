const WORD = new TextEncoder().encode("close");

/** Finds the bytes `close` in a stream, also when chunks split them. */
export class CloseWord {
  /** How many bytes of the word the stream ends with so far. */
  #matched = 0;

  /** Whether the stream has the word, now that this chunk has come too. */
  completedBy(chunk: Uint8Array): boolean {
    let at = 0;
    for (;;) {
      if (this.#matched === 0) {
        // The search for the first byte is native, and passes over most chunks.
        at = chunk.indexOf(WORD[0]!, at);
        if (at === -1) return false;
      }
      while (at < chunk.length && chunk[at] === WORD[this.#matched]) {
        at += 1;
        this.#matched += 1;
        if (this.#matched === WORD.length) return true;
      }
      if (at === chunk.length) return false;
      // No letter of the word but the first starts it: nothing to go back to.
      this.#matched = 0;
    }
  }
}
