import type { IncomingMessage, ServerResponse } from "node:http";
import { remoteAddr } from "../activation/_address.ts";
import {
  checked,
  failureResponse,
  type HandlerOptions,
  plainResponse,
  problem,
} from "./_handler.ts";
import { logFailure } from "./_report.ts";
import {
  ClientState,
  discardRest,
  RefusedRequest,
  toRequest,
} from "./_request.ts";
import { clientGone, sendResponse } from "./_response.ts";
import type { ServeInfo } from "./serve_handler.ts";

/** Options for {@linkcode answer}. */
export interface AnswerOptions extends HandlerOptions {
  /** Whether the connections use TLS. */
  secure: boolean;
  /** Whether the service is stopping: each response is then the last on its connection. */
  isStopping: () => boolean;
}

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
  const client = new ClientState();
  const completed = Promise.withResolvers<void>();
  completed.promise.catch(() => {});
  let isSent = false;
  outgoing.once("finish", () => {
    isSent = true;
    completed.resolve();
    discardRest(message);
  });
  const { socket } = message;
  // The end of a client that may still wait for its response.
  const onEnd = () => {
    if (!message.complete) socket.destroy();
    else if (!outgoing.headersSent) client.leave();
    else if (!outgoing.writableEnded) socket.destroy();
  };
  socket.once("end", onEnd);
  outgoing.once("close", () => {
    socket.off("end", onEnd);
    if (isSent) return;
    completed.reject(clientGone());
    client.leave();
  });
  const respond = (response: Response) =>
    sendResponse(
      response,
      outgoing,
      options.isStopping() ||
        // A client that still waits for 100 may or may not send its body.
        expectsContinue ||
        // Deno (2.9) reads no request after one with this header.
        message.headers.upgrade !== undefined ||
        // RFC 9112, section 6.1.
        message.httpVersion === "1.0" &&
          message.headers["transfer-encoding"] !== undefined,
    );

  let request: Request | undefined;
  try {
    request = toRequest(message, {
      secure: options.secure,
      client,
      onFirstRead() {
        if (expectsContinue && !outgoing.headersSent) outgoing.writeContinue();
        expectsContinue = false;
      },
    });
    const response = await responseTo(request, client, options, {
      // Each call asks the kernel.
      get remoteAddr() {
        return remoteAddr(socket);
      },
      completed: completed.promise,
    });
    if (outgoing.destroyed) {
      response.body?.cancel(clientGone()).catch(() => {});
    } else {
      await respond(response);
    }
  } catch (error) {
    if (client.isGone) {
      socket.destroy();
      return;
    }
    logFailure(
      error instanceof RefusedRequest ? "Refused a request" : problem(request),
      error,
    );
    if (outgoing.headersSent) return abort(outgoing);
    const status = error instanceof RefusedRequest ? error.status : 500;
    await respond(plainResponse(status)).catch(() => abort(outgoing));
  }
}

async function responseTo(
  request: Request,
  client: ClientState,
  options: AnswerOptions,
  info: ServeInfo,
): Promise<Response> {
  try {
    return checked(await options.handler(request, info));
  } catch (error) {
    if (client.isGone) throw error;
    return checked(await failureResponse(error, options, request));
  }
}

/** Closes the connection so that the client detects the incomplete response. */
function abort(outgoing: ServerResponse): void {
  // Without chunks (HTTP/1.0), an ordinary end of the connection ends the response.
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}
