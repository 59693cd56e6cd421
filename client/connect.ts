import type { Address } from "./address.ts";
import { ClientError } from "./client_error.ts";
import { deadline } from "./deadline.ts";

/** The first pause between two tries, in milliseconds; each is twice the last. */
const FIRST_PAUSE_MS = 5;

/** No pause is longer, in milliseconds. */
const LONGEST_PAUSE_MS = 250;

/** How to connect. */
export interface ConnectOptions {
  /** How long it may take, in milliseconds. */
  timeoutMs: number;
  /** Keep trying for that long while nothing listens, or there is no socket. */
  retry?: boolean;
}

/**
 * Connects to the server. While the backlog of a unix socket is full, it keeps
 * trying: the kernel refuses such a connection where it lets a TCP one wait.
 *
 * @throws {ClientError} There is no connection to be had.
 */
export async function connect(
  address: Address,
  addressText: string,
  { timeoutMs, retry = false }: ConnectOptions,
): Promise<Deno.Conn> {
  const gaveUp = new AbortController();
  let refusal = "";
  const isPassing = (error: unknown) => {
    refusal = `; last: ${reason(error)}`;
    return isBacklogFull(error) || (retry && isAbsent(error));
  };
  const failed = (cause: string) =>
    new ClientError(`Cannot connect to "${addressText}": ${cause}`);
  try {
    return await deadline(
      keepTrying(address, isPassing, gaveUp.signal),
      timeoutMs,
      () => failed(`no answer within ${timeoutMs} ms${refusal}`),
    );
  } catch (error) {
    throw error instanceof ClientError ? error : failed(reason(error));
  } finally {
    gaveUp.abort();
  }
}

async function keepTrying(
  address: Address,
  isPassing: (error: unknown) => boolean,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs *= 2) {
    try {
      const conn = await dial(address);
      // Too late: nobody waits for it any more.
      if (signal.aborted) conn.close();
      return conn;
    } catch (error) {
      if (!isPassing(error) || signal.aborted) throw error;
    }
    const ms = Math.min(pauseMs, LONGEST_PAUSE_MS);
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

/** Whether it is worth waiting for somebody to listen. */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused;
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such socket";
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "connection refused, nothing listens there";
  }
  if (isBacklogFull(error)) return "its backlog is full";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : `${error}`;
}
