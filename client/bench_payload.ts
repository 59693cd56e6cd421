/** Thirty-two letters and digits, without the "c" of "close". */
const ALPHABET = new TextEncoder().encode("abdefghijkmnopqrstuvwxyz23456789");

const NEWLINE = 0x0a;

/** The length after which small messages repeat. */
const VARIED_BYTES = 32 * 1024;

/** The most bytes written or compared at a time. */
export const WINDOW_BYTES = 64 * 1024;

/**
 * The bytes of a load: an endless stream of messages of one size. Each ends with a newline
 * for servers that echo lines.
 */
export class BenchPayload {
  /** The number of bytes after which the stream repeats: whole messages. */
  readonly period: number;
  /** One period, and the start of the next, so that every window is contiguous. */
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(messageBytes: number) {
    this.period = messageBytes *
      Math.max(1, Math.ceil(VARIED_BYTES / messageBytes));
    this.#bytes = new Uint8Array(this.period + WINDOW_BYTES);
    const varied = letters(Math.min(VARIED_BYTES, this.period));
    repeat(varied, this.#bytes.subarray(0, this.period));
    for (let at = messageBytes; at <= this.period; at += messageBytes) {
      this.#bytes[at - 1] = NEWLINE;
    }
    repeat(
      this.#bytes.subarray(0, Math.min(this.period, WINDOW_BYTES)),
      this.#bytes.subarray(this.period),
    );
  }

  /**
   * Returns bytes of the stream, up to {@linkcode WINDOW_BYTES} of them.
   *
   * @param offset The offset of the first byte in the stream.
   */
  at(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const begin = offset % this.period;
    return this.#bytes.subarray(
      begin,
      begin + Math.min(length, WINDOW_BYTES),
    );
  }

  /**
   * Returns the index of the first byte that differs from the stream, or -1.
   *
   * @param bytes At most {@linkcode WINDOW_BYTES}.
   * @param offset Their offset in the stream.
   */
  differenceAt(bytes: Uint8Array, offset: number): number {
    const expected = this.at(offset, bytes.length);
    if (compare(bytes, expected) === 0) return -1;
    return bytes.findIndex((byte, i) => byte !== expected[i]);
  }
}

/** Returns pseudo-random letters, the same in every run. */
function letters(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The upper bits of a linear congruential generator are the random ones.
    bytes[i] = ALPHABET[state >>> 27]!;
  }
  return bytes;
}

function repeat(pattern: Uint8Array, into: Uint8Array): void {
  for (let at = 0; at < into.length; at += pattern.length) {
    into.set(pattern.subarray(0, into.length - at), at);
  }
}

/**
 * Compares natively: without a JIT, a loop takes a thousand times as long. The global is
 * loaded on first use; importing `node:buffer` slows every start.
 */
function compare(a: Uint8Array, b: Uint8Array): number {
  const { Buffer } = globalThis as unknown as {
    Buffer: { compare(a: Uint8Array, b: Uint8Array): number };
  };
  return Buffer.compare(a, b);
}
