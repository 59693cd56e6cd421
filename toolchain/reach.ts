/**
 * Ends with 0 when the site that Deno downloads its runtime bases from can be
 * reached. `deno compile` itself would find out too, but behind a firewall that
 * drops packets only after minutes.
 *
 * @module
 */

const SITE = "https://dl.deno.land/release-latest.txt";
const PATIENCE_MS = 8_000;

try {
  await fetch(SITE, {
    method: "HEAD",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
} catch {
  Deno.exit(1);
}
