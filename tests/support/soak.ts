/** The MINUTES of `make soak`; undefined in `make check`, which has seconds. */
export const SOAK_MINUTES: number | undefined =
  Number(Deno.env.get("SOAK_MINUTES")) || undefined;
