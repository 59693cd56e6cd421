import { remoteAddr } from "../activation/_address.ts";
import type { Connection, Exchange, Outgoing } from "./_exchange.ts";
import {
  checked,
  failureResponse,
  type HandlerOptions,
  plainResponse,
  problem,
} from "./_handler.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import {
  ClientState,
  discardRest,
  type Head,
  readHead,
  RefusedRequest,
  toRequest,
} from "./_request.ts";
import { clientGone, sendResponse } from "./_response.ts";
import type { ServeInfo } from "./serve_handler.ts";

/** Options for {@linkcode answer}. */
export interface AnswerOptions extends HandlerOptions {
  /** Whether the connections use TLS. */
  secure: boolean;
  /** Whether the handler may upgrade connections. */
  webSocket: boolean;
}

/** The second argument of a handler. Its values are made on demand. */
export class ExchangeInfo implements ServeInfo {
  readonly #socket: Connection;
  #completed: PromiseWithResolvers<void> | undefined;
  #isSent: boolean | undefined;

  constructor(socket: Connection) {
    this.#socket = socket;
  }

  get remoteAddr(): Deno.NetAddr | Deno.UnixAddr {
    return remoteAddr(this.#socket);
  }

  get completed(): Promise<void> {
    if (this.#completed === undefined) {
      this.#completed = Promise.withResolvers();
      this.#completed.promise.catch(() => {});
      if (this.#isSent !== undefined) this.close(this.#isSent);
    }
    return this.#completed.promise;
  }

  /** Settles `completed`. */
  close(isSent: boolean): void {
    this.#isSent = isSent;
    if (isSent) this.#completed?.resolve();
    else this.#completed?.reject(clientGone());
  }
}

/**
 * Answers one request, from the message to the last byte of the response. Never throws.
 * A response that is there at once is sent at once, without a promise.
 *
 * @param onClosed Called when the response is complete, or its client has gone.
 */
export function answer(
  exchange: Exchange,
  options: AnswerOptions,
  onClosed: () => void,
): void {
  const { message, outgoing } = exchange;
  const { socket } = message;
  const client = new ClientState();
  const info = new ExchangeInfo(socket);
  outgoing.on("close", () => {
    const isSent = outgoing.writableFinished;
    info.close(isSent);
    if (isSent) discardRest(message);
    else client.leave();
    onClosed();
  });
  exchange.onClientEnd = () => {
    if (!message.complete) socket.destroy();
    else if (!outgoing.headersSent) client.leave();
    else if (!outgoing.writableEnded) socket.destroy();
  };
  if (socket.readableEnded) exchange.onClientEnd();

  let head: Head | undefined;
  let awaitsContinue = false;
  let request: Request | undefined;
  const respond = (response: Response) => {
    // Deno (2.9) reads no request after one with Upgrade; for HTTP/1.0, see RFC 9112,
    // section 6.1. A client that still waits for 100 may or may not send its body.
    const isLast = options.isStopping() || awaitsContinue ||
      head === undefined || head.upgrade ||
      head.isChunked && message.httpVersion === "1.0";
    return sendResponse(response, outgoing, isLast);
  };
  const fail = async (error: unknown) => {
    if (client.isGone) {
      socket.destroy();
      return;
    }
    logProblem(error, request);
    if (outgoing.headersSent) return abort(outgoing);
    const status = error instanceof RefusedRequest ? error.status : 500;
    try {
      await sendResponse(plainResponse(status), outgoing, true);
    } catch {
      abort(outgoing);
    }
  };
  const finish = async (result: Response | Promise<Response>) => {
    try {
      let response: Response;
      try {
        response = checked(await result);
      } catch (error) {
        if (client.isGone) throw error;
        response = checked(await failureResponse(error, options, request));
      }
      if (!outgoing.destroyed) await respond(response);
      else response.body?.cancel(clientGone()).catch(() => {});
    } catch (error) {
      await fail(error);
    }
  };

  try {
    head = readHead(message.rawHeaders);
    awaitsContinue = head.expectsContinue && message.httpVersion !== "1.0";
    request = toRequest(message, head, {
      secure: options.secure,
      client,
      onFirstRead() {
        if (awaitsContinue && !outgoing.headersSent) outgoing.writeContinue();
        awaitsContinue = false;
      },
    });
  } catch (error) {
    void fail(error);
    return;
  }
  let result: Response | Promise<Response>;
  try {
    result = options.handler(request, info);
    if (result instanceof Response) checked(result);
  } catch (error) {
    result = Promise.reject(error);
  }
  if (!(result instanceof Response) || outgoing.destroyed) {
    void finish(result);
    return;
  }
  try {
    respond(result)?.catch(fail);
  } catch (error) {
    void fail(error);
  }
}

export function logProblem(error: unknown, request: Request | undefined): void {
  const isRefused = error instanceof RefusedRequest;
  logFailure(isRefused ? "Refused a request" : problem(request), error);
}

/** Closes the connection so that the client detects the incomplete response. */
function abort(outgoing: Outgoing): void {
  // Without chunks (HTTP/1.0), an ordinary end of the connection ends the response.
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}
