import type { ServerOptions } from "./options.ts";

/** The runtime accepts so many connections before the server learns of the first. */
const ACCEPTED_AT_ONCE = 128;

/** For all that is not a connection: standard streams, the runtime's own. */
const RESERVE = 64;

/**
 * Returns the least `LimitNOFILE=` with which the server cannot run out of
 * descriptors.
 */
export function descriptorsNeeded(
  { maxConnections, maxWaiting, backlog }: Pick<
    ServerOptions,
    "maxConnections" | "maxWaiting" | "backlog"
  >,
): number {
  const burst = Math.max(backlog, ACCEPTED_AT_ONCE);
  return maxConnections + maxWaiting + burst + RESERVE;
}
