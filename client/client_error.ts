/** The conversation with the server could not be had, or not be finished. */
export class ClientError extends Error {
  override readonly name = "ClientError";
}

/**
 * Returns the error for a server that keeps the connection and says nothing.
 *
 * @param soFar What had been sent, or had come back, by then.
 */
export function noReply(
  addressText: string,
  timeoutMs: number,
  soFar: string,
): ClientError {
  return new ClientError(
    `No reply from "${addressText}" within ${timeoutMs} ms: ${soFar}; --timeout waits longer`,
  );
}
