/** Thrown when the client cannot connect, or a reply is missing or wrong. */
export class ClientError extends Error {
  override readonly name = "ClientError";
}

/**
 * Returns the error of a missing reply on an open connection.
 *
 * @param progress The data sent or received so far, in words.
 */
export function noReply(
  addressText: string,
  timeoutMs: number,
  progress: string,
): ClientError {
  return new ClientError(
    `No reply from "${addressText}" within ${timeoutMs} ms: ${progress}; use a longer --timeout`,
  );
}

/** Returns the error of a connection that ended too early. */
export function lostConnection(
  addressText: string,
  cause: string,
): ClientError {
  return new ClientError(`Lost the connection to "${addressText}": ${cause}`);
}
