const BETWEEN_LOOKS = 20;
/** After a stop of this process, its timers come before the events that were in time. */
const LATE_MS = 100;

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
  for (let isLate = false;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (isLate) {
      throw new Error(
        `Not within ${within / 1000} s: ${what}; last seen: ${
          Deno.inspect(seen)
        }`,
      );
    }
    isLate = performance.now() > deadline;
    const pause = isLate ? LATE_MS : BETWEEN_LOOKS;
    await new Promise((resolve) => setTimeout(resolve, pause));
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
    const fail = () =>
      reject(new Error(`Not within ${within / 1000} s: ${what}`));
    timer = setTimeout(() => timer = setTimeout(fail, LATE_MS), within);
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
