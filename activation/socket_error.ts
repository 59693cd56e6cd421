/** Deno's error class for each error number that a stream socket can report. */
const CLASSES: Record<string, new (message: string) => Error> = {
  EACCES: Deno.errors.PermissionDenied,
  ECONNABORTED: Deno.errors.ConnectionAborted,
  ECONNREFUSED: Deno.errors.ConnectionRefused,
  ECONNRESET: Deno.errors.ConnectionReset,
  ENOTCONN: Deno.errors.NotConnected,
  EPIPE: Deno.errors.BrokenPipe,
  ETIMEDOUT: Deno.errors.TimedOut,
};

/**
 * Returns the error that Deno's own sockets would throw for an error of
 * `node:net`, with that error as its cause; code that tells errors apart by
 * their class works the same on adopted sockets.
 */
export function socketError(error: Error & { code?: string }): Error {
  const Class = CLASSES[error.code ?? ""];
  if (Class === undefined) return error;
  const mapped = new Class(error.message);
  mapped.cause = error;
  return mapped;
}
