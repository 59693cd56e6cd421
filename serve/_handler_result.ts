import { logFailure } from "../daemon/_log_failure.ts";
import { hasReadyBody, innerResponse } from "../runtime/fetch_objects.ts";
import { checkHeaders } from "./_header_guard.ts";
import { REASONS } from "./_statuses.ts";
import type { ServeHandler, ServeInfo } from "./serve_handler.ts";

// A program may replace the global, by a class whose objects have no internals.
const { Response } = globalThis;

/** The functions of the program, and its limits. */
export interface HandlerOptions {
  handler: ServeHandler;
  /** Returns the response when the handler has failed. */
  onError: ((error: unknown) => Response | Promise<Response>) | undefined;
  /** The most bytes of the body of a request; Infinity for no limit. */
  maxBodyBytes: number;
}

/** A request that is not handled, or whose body is not read, and the status for it. */
export class RefusedRequest extends Error {
  override readonly name = "RefusedRequest";
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** Returns the reason for status 413. */
export function bodyTooLong(maxBodyBytes: number): RefusedRequest {
  return new RefusedRequest(
    413,
    `its body has more than ${maxBodyBytes} bytes, the limit of the option maxBodyBytes`,
  );
}

/** The error of a handler that upgrades as those of `Deno.serve()` do. */
export const WRONG_UPGRADE =
  "The handler called Deno.upgradeWebSocket(); use upgradeWebSocket() and the option webSocket of serve()";

/**
 * Returns a response that can be sent. Every response of every server passes here, also
 * those of the service itself.
 *
 * @throws {TypeError} The response cannot be sent.
 */
export function checked(response: unknown): Response {
  // Reading the properties of a small response takes a tenth of its time.
  const isValid = hasReadyBody(response) &&
    innerResponse(response)!.status >= 200;
  const valid = isValid ? response : checkedByProperties(response);
  checkHeaders(valid);
  return valid;
}

function checkedByProperties(response: unknown): Response {
  if (!(response instanceof Response)) {
    throw new TypeError("The handler did not return a Response");
  }
  if (response.status === 101) {
    throw new TypeError(WRONG_UPGRADE);
  }
  if (response.status < 200) {
    throw new TypeError(`The handler returned the status ${response.status}`);
  }
  if (response.bodyUsed) {
    throw new TypeError(
      "The handler returned a Response whose body was already read",
    );
  }
  return response;
}

/** Returns the response of the program, or that to its failure. Never throws. */
export async function respondTo(
  request: Request,
  info: ServeInfo,
  options: HandlerOptions,
): Promise<Response> {
  try {
    return checked(await options.handler(request, info));
  } catch (error) {
    return await failureResponse(error, options, request);
  }
}

/**
 * Returns the response to a request whose handler has failed: that of `onError`. Without
 * it, logs the error. Never throws.
 */
export async function failureResponse(
  error: unknown,
  { onError }: HandlerOptions,
  request?: Request,
): Promise<Response> {
  try {
    if (onError !== undefined) return checked(await onError(error));
  } catch (thrown) {
    error = thrown;
  }
  return serviceResponse(error, request);
}

/** Logs an error, and returns the response of the service itself. Never throws. */
export function serviceResponse(error: unknown, request?: Request): Response {
  if (error instanceof RefusedRequest) {
    const { status, message } = error;
    logFailure(`Refused a request with status ${status}`, message);
    return plainResponse(status);
  }
  logFailure(problem(request), error);
  return plainResponse(500);
}

/** Returns the start of a message about a request. */
function problem(request: Request | undefined): string {
  try {
    const { method, url } = request!;
    const [path] = url.replace(/^\w+:\/\/[^/]*/, "").split("?");
    return `Cannot answer ${method} ${path}`;
  } catch {
    // After the end of a request of Deno's own server, its properties throw.
    return "Cannot answer a request";
  }
}

function plainResponse(status: number): Response {
  return checked(new Response(`${REASONS[status]}\n`, { status }));
}
