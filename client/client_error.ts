/** The conversation with the server could not be had, or not be finished. */
export class ClientError extends Error {
  override readonly name = "ClientError";
}
