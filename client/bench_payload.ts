/** Thirty-two letters and digits; without a "c" they never make a "close". */
const ALPHABET = new TextEncoder().encode("abdefghijkmnopqrstuvwxyz23456789");

const NEWLINE = 0x0a;

/** Small messages differ from each other for so many bytes, before they repeat. */
const VARIED_BYTES = 32 * 1024;

/** The most that is written, or compared, at a time. */
export const WINDOW_BYTES = 64 * 1024;

/**
 * The bytes that a load is made of: an endless stream of messages of one size.
 * Each ends with a newline, so that a server that echoes lines echoes them, too.
 */
export class BenchPayload {
  /** How many bytes the stream repeats after: whole messages. */
  readonly period: number;
  /** One period, and so much of the next that a window never ends amid it. */
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
   * @param offset Where in the stream they begin.
   */
  at(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const begin = offset % this.period;
    return this.#bytes.subarray(
      begin,
      begin + Math.min(length, WINDOW_BYTES),
    );
  }

  /**
   * Compares bytes with those of the stream, and returns at which of them they
   * differ, or -1.
   *
   * @param bytes At most {@linkcode WINDOW_BYTES}.
   * @param offset Where in the stream they should be.
   */
  differenceAt(bytes: Uint8Array, offset: number): number {
    const expected = this.at(offset, bytes.length);
    if (compare(bytes, expected) === 0) return -1;
    return bytes.findIndex((byte, i) => byte !== expected[i]);
  }
}

/** Letters in no order, the same at every run. */
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
 * The one comparison that is native: without a JIT, a loop takes a thousand times
 * as long. The global costs nothing until it is used; an import of `node:buffer`
 * would be paid for at every start.
 */
function compare(a: Uint8Array, b: Uint8Array): number {
  const { Buffer } = globalThis as unknown as {
    Buffer: { compare(a: Uint8Array, b: Uint8Array): number };
  };
  return Buffer.compare(a, b);
}
