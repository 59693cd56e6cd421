import type { Address } from "./address.ts";
import { ClientError } from "./client_error.ts";
import { deadline } from "./deadline.ts";

/** The pauses between two tries while the backlog is full, in milliseconds. */
const RETRY_MS = { first: 5, most: 100 };

/**
 * Connects to the server. While the backlog of a unix socket is full, it keeps
 * trying: the kernel refuses such a connection where it lets a TCP one wait.
 *
 * @throws {ClientError} There is no connection to be had.
 */
export async function connect(
  address: Address,
  addressText: string,
  timeoutMs: number,
): Promise<Deno.Conn> {
  const gaveUp = new AbortController();
  const failed = (cause: string) =>
    new ClientError(`Cannot connect to "${addressText}": ${cause}`);
  try {
    return await deadline(
      keepTrying(address, gaveUp.signal),
      timeoutMs,
      () => failed(`no answer within ${timeoutMs} ms`),
    );
  } catch (error) {
    throw error instanceof ClientError ? error : failed(reason(error));
  } finally {
    gaveUp.abort();
  }
}

async function keepTrying(
  address: Address,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  for (let pauseMs = RETRY_MS.first;; pauseMs *= 2) {
    try {
      const conn = await dial(address);
      // Too late: nobody waits for it any more.
      if (signal.aborted) conn.close();
      return conn;
    } catch (error) {
      if (!isBacklogFull(error) || signal.aborted) throw error;
    }
    const ms = Math.min(pauseMs, RETRY_MS.most);
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function dial(address: Address): Promise<Deno.Conn> {
  return address.transport === "unix"
    ? Deno.connect(address)
    : Deno.connect(address);
}

function isBacklogFull(error: unknown): boolean {
  return error instanceof Deno.errors.WouldBlock ||
    (error instanceof Error && "code" in error && error.code === "EAGAIN");
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such socket";
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "connection refused, nothing listens there";
  }
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : `${error}`;
}
