/** The second argument of a {@linkcode ServeHandler}. */
export interface ServeInfo {
  /** The address of the client. The path of a unix socket is unknown: it is empty. */
  remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  /**
   * Resolves once the whole response has been sent. Rejects with
   * `Deno.errors.Interrupted` when the client has gone before, or the response could
   * not be completed. A rejection needs no handler.
   */
  completed: Promise<void>;
}

/**
 * Answers a request. A handler of `Deno.serve()` works unchanged.
 *
 * The signal of the request is aborted when the client closes the connection before it
 * has the response.
 *
 * @param request The request. Its body is received as it is read.
 * @param info The address of the client.
 * @returns The response. Its body is read as the client receives it.
 */
export type ServeHandler = (
  request: Request,
  info: ServeInfo,
) => Response | Promise<Response>;
