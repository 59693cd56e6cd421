import type { IncomingMessage, ServerResponse } from "node:http";
import { remoteAddr } from "../activation/_address.ts";
import { logFailure } from "./log_failure.ts";
import { RefusedRequest } from "./refused_request.ts";
import { discardRest } from "./request_body.ts";
import { clientGone, sendResponse } from "./send_response.ts";
import type { ServeHandler, ServeInfo } from "./serve_handler.ts";
import { toRequest } from "./to_request.ts";

/** How requests are answered. */
export interface AnswerOptions {
  handler: ServeHandler;
  /** Makes the response when the handler has failed. */
  onError: ((error: unknown) => Response | Promise<Response>) | undefined;
  /** Whether requests come over TLS. */
  secure: boolean;
  /** Whether the service stops: connections then end with their response. */
  isStopping: () => boolean;
}

const PLAIN_TEXT: Record<number, string> = {
  400: "Bad Request",
  500: "Internal Server Error",
  501: "Not Implemented",
};

/**
 * Answers one request: all the way from the message to the last byte of the
 * response. Never throws.
 *
 * @param waits Whether the client waits for `100 Continue` before it sends the
 * body.
 */
export async function answer(
  message: IncomingMessage,
  outgoing: ServerResponse,
  options: AnswerOptions,
  waits: boolean,
): Promise<void> {
  const gone = new AbortController();
  const completed = Promise.withResolvers<void>();
  completed.promise.catch(() => {});
  let isSent = false;
  outgoing.once("finish", () => {
    isSent = true;
    completed.resolve();
    discardRest(message);
  });
  outgoing.once("close", () => {
    if (isSent) return;
    completed.reject(clientGone());
    gone.abort(clientGone());
  });
  const respond = (response: Response) =>
    // A client that still waits may send its body after all, or may not.
    sendResponse(response, outgoing, options.isStopping() || waits);

  let what = "Cannot answer a request";
  try {
    const request = toRequest(message, {
      secure: options.secure,
      signal: gone.signal,
      onFirstRead() {
        if (waits && !outgoing.headersSent) outgoing.writeContinue();
        waits = false;
      },
    });
    what = `Cannot answer ${request.method} ${new URL(request.url).pathname}`;
    const response = await responseTo(request, options, {
      remoteAddr: remoteAddr(message.socket),
      completed: completed.promise,
    });
    if (gone.signal.aborted) {
      response.body?.cancel(gone.signal.reason).catch(() => {});
    } else {
      await respond(response);
    }
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!(error instanceof RefusedRequest)) logFailure(what, error);
    if (outgoing.headersSent) return cutOff(outgoing);
    const status = error instanceof RefusedRequest ? error.status : 500;
    const response = new Response(`${PLAIN_TEXT[status]}\n`, { status });
    await respond(response).catch(() => cutOff(outgoing));
  }
}

async function responseTo(
  request: Request,
  { handler, onError }: AnswerOptions,
  info: ServeInfo,
): Promise<Response> {
  try {
    return checked(await handler(request, info));
  } catch (error) {
    if (onError === undefined || request.signal.aborted) throw error;
    return checked(await onError(error));
  }
}

function checked(response: unknown): Response {
  if (!(response instanceof Response)) {
    throw new TypeError("The handler did not return a Response");
  }
  if (response.status < 200) {
    throw new TypeError(`The handler returned the status ${response.status}`);
  }
  return response;
}

/** Half a response must not look like a whole one. */
function cutOff(outgoing: ServerResponse): void {
  // HTTP/1.0 has no chunks: there the end of the connection ends the response.
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}
