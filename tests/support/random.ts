/** Reproducible random numbers: the same seed gives the same numbers. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = this.#state = seed >>> 0;
  }

  /** An integer from 0 to 2³²−1 (the generator "mulberry32"). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A chunk size from 1 byte to 64 KiB; small ones are as likely as large ones. */
  size(): number {
    const magnitude = 2 ** (this.next() % 17);
    return 1 + this.next() % magnitude;
  }

  /** Random bytes without an "e", so without the word that makes the server close. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(length / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.next();
    const bytes = new Uint8Array(words.buffer).subarray(0, length);
    return bytes.map((byte) => byte === 0x65 ? 0 : byte);
  }
}

/**
 * Runs a test with random numbers of its own. When it fails, the message has the
 * seed; SEED=… in the environment runs it with that one again.
 */
export async function withRandom(
  test: (random: Random) => Promise<void>,
): Promise<void> {
  const given = Deno.env.get("SEED");
  const seed = given === undefined
    ? crypto.getRandomValues(new Uint32Array(1))[0]!
    : Number(given);
  try {
    await test(new Random(seed));
  } catch (cause) {
    throw new Error(`With SEED=${seed}: ${cause}`, { cause });
  }
}
