import { latin1Slice } from "./buffer_slices.ts";

const WORD = "close";
const [FIRST, SECOND] = new TextEncoder().encode(WORD);

/** Up to so many bytes, a look at each first letter costs less than a string. */
const SHORT_BYTES = 128;

/** Finds the bytes `close` in a stream, also when chunks split them. */
export class CloseWord {
  /** What the stream ends with so far, if the word may have begun there. */
  #begun = "";

  /** Whether the stream has the word, now that this chunk has come too. */
  completedBy(chunk: Uint8Array): boolean {
    const { length } = chunk;
    if (length <= SHORT_BYTES && this.#begun === "" && !mayBeginIn(chunk)) {
      return false;
    }
    const text = this.#begun + latin1Slice(chunk, 0, length);
    if (text.includes(WORD)) return true;
    this.#begun = begunAtEnd(text);
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

/** No letter but the first begins the word: the last one of those decides. */
function begunAtEnd(text: string): string {
  const end = text.slice(1 - WORD.length);
  const start = end.lastIndexOf(WORD[0]!);
  const begun = start === -1 ? "" : end.slice(start);
  return WORD.startsWith(begun) ? begun : "";
}
