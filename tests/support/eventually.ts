const BETWEEN_LOOKS = 20;

/**
 * Looks again and again until what is seen will do, and returns it.
 *
 * @param what What should come true, as a clause: `the server has stopped`.
 * @param look Looks once.
 * @param good Whether what was seen will do.
 * @param options.within How long to go on, in milliseconds; 10 s by default.
 * @throws {Error} At the deadline: it tells what did not come true, and what was
 * seen last.
 */
export async function eventually<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  good: (seen: Seen) => boolean,
  { within = 10_000 }: { within?: number } = {},
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
 * Waits for a promise, but not for ever.
 *
 * @param what What should come true, as a clause: `the echo has come back`.
 * @param within How long to wait, in milliseconds; 10 s by default.
 */
export async function soon<Value>(
  what: string,
  promise: Promise<Value>,
  { within = 10_000 }: { within?: number } = {},
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
