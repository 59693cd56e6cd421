import type { IncomingMessage, ServerResponse } from "node:http";
import { remoteAddr } from "../activation/_address.ts";
import { logFailure } from "./_report.ts";
import { discardRest, RefusedRequest, toRequest } from "./_request.ts";
import { clientGone, sendResponse } from "./_response.ts";
import type { ServeHandler, ServeInfo } from "./serve_handler.ts";

/** Options for {@linkcode answer}. */
export interface AnswerOptions {
  handler: ServeHandler;
  /** Returns the response when the handler has failed. */
  onError: ((error: unknown) => Response | Promise<Response>) | undefined;
  /** Whether the connections use TLS. */
  secure: boolean;
  /** Whether the service is stopping: each response is then the last on its connection. */
  isStopping: () => boolean;
}

const PLAIN_TEXT: Record<number, string> = {
  400: "Bad Request",
  500: "Internal Server Error",
  501: "Not Implemented",
};

/**
 * Answers one request, from the message to the last byte of the response. Never throws.
 *
 * @param expectsContinue Whether the client waits for `100 Continue` before it sends
 * the body.
 */
export async function answer(
  message: IncomingMessage,
  outgoing: ServerResponse,
  options: AnswerOptions,
  expectsContinue: boolean,
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
    // A client that still waits for 100 may or may not send its body.
    sendResponse(response, outgoing, options.isStopping() || expectsContinue);

  let problem = "Cannot answer a request";
  try {
    const request = toRequest(message, {
      secure: options.secure,
      signal: gone.signal,
      onFirstRead() {
        if (expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
        expectsContinue = false;
      },
    });
    problem = `Cannot answer ${request.method} ${
      new URL(request.url).pathname
    }`;
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
    if (!(error instanceof RefusedRequest)) logFailure(problem, error);
    if (outgoing.headersSent) return abort(outgoing);
    const status = error instanceof RefusedRequest ? error.status : 500;
    const response = new Response(`${PLAIN_TEXT[status]}\n`, { status });
    await respond(response).catch(() => abort(outgoing));
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

/** Closes the connection so that the client detects the incomplete response. */
function abort(outgoing: ServerResponse): void {
  // Without chunks (HTTP/1.0), an ordinary end of the connection ends the response.
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}
