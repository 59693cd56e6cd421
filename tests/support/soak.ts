const minutes = Deno.env.get("SOAK_MINUTES");

/**
 * For how many minutes `make soak` was asked to go on; undefined in `make check`,
 * which has seconds.
 */
export const SOAK_MINUTES: number | undefined = minutes === undefined
  ? undefined
  : Number(minutes);
