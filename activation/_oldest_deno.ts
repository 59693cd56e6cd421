/** The oldest supported release of Deno. `make check` runs the library on it. */
export const OLDEST_DENO = "2.9.0";

/** Whether a release of Deno is older than the oldest supported one. */
export function isUnsupported(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_DENO.split(".").map(Number);
  return major! < oldestMajor! ||
    (major === oldestMajor && minor! < oldestMinor!);
}
