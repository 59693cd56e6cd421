const BETWEEN_LOOKS = 20;

/**
 * Polls until a value satisfies a condition, and returns it.
 *
 * @param what The condition, as a clause: `the server has stopped`.
 * @param options.within The time limit, in milliseconds.
 */
export async function eventually<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  good: (seen: Seen) => boolean,
  { within = 10_000 } = {},
): Promise<Seen> {
  const deadline = performance.now() + within;
  while (true) {
    const seen = await look();
    if (good(seen)) return seen;
    if (performance.now() > deadline) {
      throw new Error(
        `Not within ${within / 1000} s: ${what}; last seen: ${
          Deno.inspect(seen)
        }`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS));
  }
}

/**
 * Waits for a promise with a time limit, in milliseconds.
 *
 * @param what The expected event, as a clause: `the echo has arrived`.
 */
export async function soon<Value>(
  what: string,
  promise: Promise<Value>,
  { within = 10_000 } = {},
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Not within ${within / 1000} s: ${what}`)),
      within,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a number has risen, and has then stayed the same for 200 ms. */
export async function untilSteady(read: () => number): Promise<void> {
  let before = 0, same = 0;
  const count = () => {
    const now = read();
    same = now > 0 && now === before ? same + 1 : 0;
    before = now;
    return same;
  };
  const within = 20_000;
  await eventually("the number is steady", count, (n) => n >= 10, { within });
}
