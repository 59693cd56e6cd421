/** The longest delay of a timer, in milliseconds. */
export const TIMER_MAX_MS = 2 ** 31 - 1;
