/**
 * How long a server may take to close its side once everything has come back, in
 * milliseconds.
 */
export const LINGER_MS = 1_000;

/**
 * Waits for a promise, but not for ever.
 *
 * @param ms How long to wait, in milliseconds.
 * @param onLate Makes the error to throw when the time is up.
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
