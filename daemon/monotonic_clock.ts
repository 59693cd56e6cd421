/**
 * Reads CLOCK_MONOTONIC, which neither `performance.now()` nor
 * `process.hrtime()` shows: both count from the start of the process.
 *
 * The start of a V8 CPU profile is stamped with that clock, so a profile of
 * nothing is taken. That costs some 50 ms, for a thing as rare as a reload.
 *
 * Needs `--allow-sys`; Deno 2.9.6 refuses `--allow-sys=inspector`.
 *
 * @returns Microseconds, of a moment during the call.
 */
export async function monotonicUsec(): Promise<number> {
  const { Session } = await import("node:inspector/promises");
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.start");
    const { profile } = await session.post("Profiler.stop");
    return profile.startTime;
  } finally {
    session.disconnect();
  }
}
