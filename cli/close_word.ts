const TEXT = "close";
const WORD = new TextEncoder().encode(TEXT);

/** From so many bytes on, a string search pays, which is native throughout. */
const LARGE_BYTES = 2 * 1024;

/** Finds the bytes `close` in a stream, also when chunks split them. */
export class CloseWord {
  /** How many bytes of the word the stream ends with so far. */
  #matched = 0;

  /** Whether the stream has the word, now that this chunk has come too. */
  completedBy(chunk: Uint8Array): boolean {
    if (chunk.length < LARGE_BYTES) return this.#scan(chunk);
    const part = WORD.length - 1;
    if (this.#scan(chunk.subarray(0, part))) return true;
    if (latin1(chunk).includes(TEXT)) return true;
    this.#matched = 0;
    return this.#scan(chunk.subarray(-part));
  }

  #scan(chunk: Uint8Array): boolean {
    let at = 0;
    for (;;) {
      if (this.#matched === 0) {
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

/**
 * One character a byte. `TextDecoder` takes seven times as long; an import of
 * `node:buffer` would be paid for at every start, the global only when used.
 */
function latin1(bytes: Uint8Array): string {
  const { Buffer } = globalThis as unknown as {
    Buffer: { prototype: { latin1Slice(start: number, end: number): string } };
  };
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}
