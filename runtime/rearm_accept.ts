import type { Server } from "node:net";
import type { NetInternals } from "./node_net.ts";
import type { StreamHandle } from "./stream_handle.ts";

/** The interval at which a failed accept is retried, in milliseconds. */
const REARM_MS = 1_000;

/** Returns a listening handle; a closed server of `node:net` has none. */
type GetHandle = () => Partial<StreamHandle> | null | undefined;

/** All listening sockets of this process share one timer. */
const listening = new Set<GetHandle>();
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Retries accept(2) once a second. Deno (2.9) stops polling a listening socket after
 * accept(2) or epoll_ctl(2) has failed for it, whatever the error.
 *
 * @returns A function that stops the retries. Call it before closing the handle.
 */
export function rearmAccept(handle: GetHandle): () => void {
  listening.add(handle);
  timer ??= setInterval(rearmAll, REARM_MS);
  Deno.unrefTimer(timer);
  return () => {
    listening.delete(handle);
    if (listening.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Calls {@linkcode rearmAccept} for a server while it listens. */
export function rearmServer(server: Server): void {
  server.on("listening", () => {
    const stop = rearmAccept(() => (server as NetInternals)._handle);
    server.once("close", stop);
  });
}

function rearmAll(): void {
  for (const current of listening) {
    const handle = current();
    if (handle?.readStart === undefined) continue;
    // A listening socket is never readable: `readStart` re-arms polling, which
    // retries accept(2).
    handle.onread ??= () => {};
    if (handle.readStart() === 0) handle.readStop?.();
  }
}
