import { latin1Slice } from "../runtime/buffer_slices.ts";

const WORD = "close";
const [FIRST, SECOND] = new TextEncoder().encode(WORD);

/** Up to this length, checking each first letter is faster than making a string. */
const SHORT_BYTES = 128;

/** Finds the bytes `close` in a stream, also when chunks split them. */
export class CloseWord {
  /** The end of the stream so far, if it may be the start of the word. */
  #prefix = "";

  /** Returns whether the stream contains the word, including this chunk. */
  completedBy(chunk: Uint8Array): boolean {
    const { length } = chunk;
    if (length <= SHORT_BYTES && this.#prefix === "" && !mayBeginIn(chunk)) {
      return false;
    }
    const text = this.#prefix + latin1Slice(chunk, 0, length);
    if (text.includes(WORD)) return true;
    this.#prefix = prefixAtEnd(text);
    return false;
  }
}

function mayBeginIn(chunk: Uint8Array): boolean {
  let at = chunk.indexOf(FIRST!);
  while (at !== -1) {
    at += 1;
    if (at === chunk.length || chunk[at] === SECOND) return true;
    at = chunk.indexOf(FIRST!, at);
  }
  return false;
}

/** Returns the end of the text from its last "c", if that is a prefix of the word. */
function prefixAtEnd(text: string): string {
  const end = text.slice(1 - WORD.length);
  const start = end.lastIndexOf(WORD[0]!);
  const prefix = start === -1 ? "" : end.slice(start);
  return WORD.startsWith(prefix) ? prefix : "";
}
