/** The longest delay of a timer, in milliseconds. */
export const TIMER_MAX_MS: number = 2 ** 31 - 1;
