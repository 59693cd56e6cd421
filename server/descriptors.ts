import type { IpcServerOptions } from "./options.ts";

/** The options that descriptors depend on. */
type Limits = Pick<
  IpcServerOptions,
  "maxConnections" | "maxWaiting" | "backlog"
>;

/** The most connections that the runtime accepts before JavaScript runs. */
const ACCEPTED_AT_ONCE = 128;

/** Descriptors that are not connections: standard streams, the runtime's own. */
const RESERVE = 64;

/**
 * Returns the lowest `LimitNOFILE=` with which the server cannot run out of
 * descriptors: the inequality of ipc-server.socket(5).
 */
export function descriptorsNeeded(limits: Limits): number {
  return connectionsHeld(limits) + RESERVE;
}

/** Returns the most connections that the process may hold. */
export function connectionsHeld(
  { maxConnections, maxWaiting, backlog }: Limits,
): number {
  return maxConnections + maxWaiting + Math.max(backlog, ACCEPTED_AT_ONCE);
}

/** Returns the advice for a process without free descriptors. */
export function moreDescriptors(limits: Limits): string {
  return `set LimitNOFILE= of the service to at least ${
    descriptorsNeeded(limits)
  }, for ${limits.maxConnections} connections and ${limits.maxWaiting} waiting, or lower --max-connections and --max-waiting`;
}

/**
 * Returns how many descriptors the process can open, up to a number of them, by opening
 * them: it cannot read its limit. Takes 20 µs each.
 */
export function freeDescriptors(most: number): number {
  // The types of Deno have no socket without a path.
  const open = Deno.listenDatagram as unknown as (
    options: { transport: "unixpacket" },
  ) => { close(): void };
  const opened: { close(): void }[] = [];
  try {
    while (opened.length < most) {
      opened.push(open({ transport: "unixpacket" }));
    }
  } catch (error) {
    if (!isLackOfDescriptors(error)) throw error;
  } finally {
    for (const socket of opened) socket.close();
  }
  return opened.length;
}

/** Whether an error means that the process has no free descriptor. */
export function isLackOfDescriptors(error: unknown): boolean {
  return error instanceof Error &&
    ((error as Error & { code?: unknown }).code === "EMFILE" ||
      isLackOfDescriptors(error.cause));
}
