/** What a {@linkcode ServeHandler} is told besides the request. */
export interface ServeInfo {
  /** Who asks. The path of a unix socket's peer is not known: it is empty. */
  remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  /**
   * Resolves once the response has been sent, all of it. Rejects with
   * `Deno.errors.Interrupted` when the client was gone before, or the response
   * could not be completed; nobody has to care.
   */
  completed: Promise<void>;
}

/**
 * Answers a request. A handler that was written for `Deno.serve()` can be used
 * as it is.
 *
 * The signal of the request is aborted when the client is gone before it was
 * answered.
 *
 * @param request What is asked for. Its body is received as it is read.
 * @param info Who asks.
 * @returns The answer. Its body is read as the client receives it.
 */
export type ServeHandler = (
  request: Request,
  info: ServeInfo,
) => Response | Promise<Response>;
