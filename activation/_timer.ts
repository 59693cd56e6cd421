/** The longest delay of a timer, in milliseconds. */
export const TIMER_MAX_MS: number = 2 ** 31 - 1;

/** The time to read data that has arrived before a time limit, in milliseconds. */
export const READ_MS = 25;

/**
 * Calls a function after a time limit, and after reading. When a process was stopped, or
 * had no processor, its timers run late, and before the reads of data that has arrived
 * within the limit.
 *
 * @param ms The time limit, in milliseconds.
 * @returns A function that cancels the call.
 */
export function setTimeLimit(callback: () => void, ms: number): () => void {
  let timer = setTimeout(() => {
    timer = setTimeout(callback, READ_MS);
  }, ms);
  return () => clearTimeout(timer);
}
