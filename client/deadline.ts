import { setTimeLimit } from "../activation/_timer.ts";

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
  if (await resolvesWithin(promise, ms)) return await promise;
  throw onLate();
}

/**
 * Returns whether a promise resolves within a time, in milliseconds.
 *
 * @throws The reason of the promise, if it rejects within the time.
 */
export async function resolvesWithin(
  promise: Promise<unknown>,
  ms: number,
): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const cancel = setTimeLimit(() => late.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    cancel();
  }
}

/** The time for the server to close its side after the last reply, in milliseconds. */
export const LINGER_MS = 1_000;
