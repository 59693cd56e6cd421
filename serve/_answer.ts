import type { Exchange } from "./_exchange.ts";
import {
  checked,
  failureResponse,
  type HandlerOptions,
  serviceResponse,
} from "./_handler_result.ts";
import { readHeaders, toRequest } from "./_request.ts";
import { sendResponse } from "./_response.ts";
import { upgrades } from "./_upgrade.ts";

/** Options for {@linkcode answer}. */
export interface AnswerOptions extends HandlerOptions {
  /** Whether the connections use TLS. */
  secure: boolean;
  /** Whether the handler may upgrade connections. */
  webSocket: boolean;
  /** The time that a client has for its next request; Infinity for no limit. */
  keepAliveTimeoutMs: number;
}

/**
 * Answers one request, from its head to the last byte of the response. Never throws.
 * A response that the handler returns without a promise is sent without one, if its body
 * is in memory.
 */
export function answer(exchange: Exchange, options: AnswerOptions): void {
  const { client } = exchange;
  let request: Request | undefined;
  const { upgrade } = exchange;
  /** Checks a response. That to an upgrade has status 101, which no other may have. */
  const verified = (result: Response) =>
    upgrade?.isAcceptedBy(result) ? result : checked(result);
  const respond = (response: Response) => {
    if (upgrade?.isAcceptedBy(response)) {
      return exchange.connection.upgrade(exchange);
    }
    upgrade?.refuse(
      new Deno.errors.ConnectionAborted(
        "The handler did not return the response of the upgrade",
      ),
    );
    // A client that still waits for 100 may or may not send its body.
    exchange.isLast ||= exchange.awaitsContinue ||
      exchange.body?.hasFailed === true;
    return sendResponse(response, exchange);
  };
  /** The response cannot be sent: the service itself answers. */
  const fail = async (error: unknown) => {
    if (client.isGone) return;
    const response = serviceResponse(error, request);
    // The client detects the incomplete response.
    if (exchange.isHeadSent) return exchange.cut();
    exchange.isLast = true;
    try {
      await sendResponse(response, exchange);
    } catch {
      exchange.connection.destroy();
    }
  };
  const finish = async (result: Response | Promise<Response>) => {
    try {
      let response: Response;
      try {
        response = verified(await result);
      } catch (error) {
        if (client.isGone) return;
        response = await failureResponse(error, options, request);
      }
      if (!client.isGone) await respond(response);
      else await response.body?.cancel();
    } catch (error) {
      await fail(error);
    }
  };

  try {
    if (exchange.refusal !== undefined) throw exchange.refusal;
    const headers = readHeaders(exchange.head, options);
    exchange.awaitsContinue = headers.expectsContinue;
    request = toRequest(exchange.head, headers, {
      secure: options.secure,
      client,
      body: () => exchange.body!.take(),
    });
    if (upgrade !== undefined) upgrades.set(request, upgrade);
  } catch (error) {
    return void fail(error);
  }
  try {
    const result = options.handler(request, exchange.info);
    if (result instanceof Promise) return void finish(result);
    respond(verified(result))?.catch(fail);
  } catch (error) {
    void finish(Promise.reject(error));
  }
}
