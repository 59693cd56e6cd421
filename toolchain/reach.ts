/**
 * Exits with 0 when Deno's download site for runtime bases is reachable, otherwise with 1.
 * Behind a firewall that drops packets, `deno compile` itself would fail only after
 * minutes.
 *
 * @module
 */

const SITE = "https://dl.deno.land/release-latest.txt";
const TIMEOUT_MS = 8_000;

try {
  await fetch(SITE, {
    method: "HEAD",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
} catch {
  Deno.exit(1);
}
