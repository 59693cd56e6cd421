/**
 * Waits for a promise with a time limit.
 *
 * @param ms The limit, in milliseconds.
 * @param onLate Returns the error to throw after the limit.
 */
export async function deadline<T>(
  promise: Promise<T>,
  ms: number,
  onLate: () => Error,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(onLate()), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The time for the server to close its side after the last reply, in milliseconds. */
export const LINGER_MS = 1_000;
