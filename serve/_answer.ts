import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
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
  /** Whether the service is stopping: each response is then the last on its connection. */
  isStopping: () => boolean;
}

/** A request of a client and the response to it. */
export interface Exchange {
  message: IncomingMessage;
  outgoing: ServerResponse;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
  /** Whether the handler runs. */
  isStarted?: true;
  /** Called when the client half-closes the connection. */
  onClientEnd?: () => void;
}

/** The second argument of a handler. Its values are made on demand. */
class ExchangeInfo implements ServeInfo {
  readonly #socket: Socket;
  #completed: PromiseWithResolvers<void> | undefined;
  #isSent: boolean | undefined;

  constructor(socket: Socket) {
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

/** Answers one request, from the message to the last byte of the response. Never throws. */
export async function answer(
  exchange: Exchange,
  options: AnswerOptions,
): Promise<void> {
  const { message, outgoing } = exchange;
  const { socket } = message;
  const client = new ClientState();
  const info = new ExchangeInfo(socket);
  outgoing.on("close", () => {
    const isSent = outgoing.writableFinished;
    info.close(isSent);
    if (isSent) discardRest(message);
    else client.leave();
  });
  exchange.onClientEnd = () => {
    if (!message.complete) socket.destroy();
    else if (!outgoing.headersSent) client.leave();
    else if (!outgoing.writableEnded) socket.destroy();
  };
  if (socket.readableEnded) exchange.onClientEnd();

  let request: Request | undefined;
  try {
    const head = readHead(message.rawHeaders);
    request = toRequest(message, head, {
      secure: options.secure,
      client,
      onFirstRead() {
        if (exchange.expectsContinue && !outgoing.headersSent) {
          outgoing.writeContinue();
        }
        exchange.expectsContinue = false;
      },
    });
    let response: Response;
    try {
      const result = options.handler(request, info);
      response = checked(result instanceof Response ? result : await result);
    } catch (error) {
      if (client.isGone) throw error;
      response = checked(await failureResponse(error, options, request));
    }
    if (outgoing.destroyed) {
      response.body?.cancel(clientGone()).catch(() => {});
      return;
    }
    // Deno (2.9) reads no request after one with Upgrade; for HTTP/1.0, see RFC 9112,
    // section 6.1. A client that still waits for 100 may or may not send its body.
    const isLast = options.isStopping() || exchange.expectsContinue ||
      head.upgrade || head.isChunked && message.httpVersion === "1.0";
    await sendResponse(response, outgoing, isLast);
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
    await sendResponse(plainResponse(status), outgoing, true)
      .catch(() => abort(outgoing));
  }
}

/** Closes the connection so that the client detects the incomplete response. */
function abort(outgoing: ServerResponse): void {
  // Without chunks (HTTP/1.0), an ordinary end of the connection ends the response.
  if (outgoing.chunkedEncoding) outgoing.destroy();
  else outgoing.req.socket.resetAndDestroy();
}
