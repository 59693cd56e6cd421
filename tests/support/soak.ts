const minutes = Deno.env.get("SOAK_MINUTES");

/**
 * The MINUTES of `make soak`; undefined in `make check`,
 * which has seconds.
 */
export const SOAK_MINUTES: number | undefined = minutes === undefined
  ? undefined
  : Number(minutes);
