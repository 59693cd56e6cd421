import type { Address } from "./address.ts";
import { ClientError } from "./client_error.ts";
import { deadline } from "./deadline.ts";

/** The first pause between two attempts, in milliseconds; each is twice the last. */
const FIRST_PAUSE_MS = 5;

/** The longest pause, in milliseconds. */
const LONGEST_PAUSE_MS = 250;

/** Options for {@linkcode connect}. */
export interface ConnectOptions {
  /** The time limit, in milliseconds. */
  timeoutMs: number;
  /** Whether to retry within the limit while there is no listening socket. */
  retry?: boolean;
}

/**
 * Connects to the server. Retries while the backlog of a unix socket is full: the kernel
 * refuses such a connection, where it queues a TCP connection.
 *
 * @throws {ClientError} The connection failed.
 */
export async function connect(
  address: Address,
  addressText: string,
  { timeoutMs, retry = false }: ConnectOptions,
): Promise<Deno.Conn> {
  const ended = new AbortController();
  let refusal = "";
  const isTransient = (error: unknown) => {
    refusal = `; last: ${reason(error)}`;
    return isBacklogFull(error) || (retry && isAbsent(error));
  };
  const failed = (cause: string) =>
    new ClientError(`Cannot connect to "${addressText}": ${cause}`);
  try {
    return await deadline(
      retrying(address, isTransient, ended.signal),
      timeoutMs,
      () => failed(`no answer within ${timeoutMs} ms${refusal}`),
    );
  } catch (error) {
    throw error instanceof ClientError ? error : failed(reason(error));
  } finally {
    ended.abort();
  }
}

async function retrying(
  address: Address,
  isTransient: (error: unknown) => boolean,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs *= 2) {
    try {
      const conn = await dial(address);
      // After the time limit.
      if (signal.aborted) conn.close();
      return conn;
    } catch (error) {
      if (!isTransient(error) || signal.aborted) throw error;
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

/** Whether there is no listening socket yet. */
function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused;
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such socket";
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "connection refused: no program listens on it";
  }
  if (isBacklogFull(error)) return "its backlog is full";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : `${error}`;
}
