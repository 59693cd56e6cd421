import { logFailure } from "../daemon/_log_failure.ts";
import { checkHeaders } from "./_header_guard.ts";
import type { ServeHandler } from "./serve_handler.ts";

// A program may replace the global, by a class whose objects have no internals.
const { Response } = globalThis;

/** The functions of the program. */
export interface HandlerOptions {
  handler: ServeHandler;
  /** Returns the response when the handler has failed. */
  onError: ((error: unknown) => Response | Promise<Response>) | undefined;
  /** Whether the service is stopping: each response is then the last on its connection. */
  isStopping: () => boolean;
}

const UPGRADE_HINT =
  "; use upgradeWebSocket() over TCP with the option webSocket, or listenServer() and a package such as ws";

const PLAIN_TEXT: Record<number, string> = {
  400: "Bad Request",
  500: "Internal Server Error",
  501: "Not Implemented",
};

/**
 * Returns the result of a handler.
 *
 * @throws {TypeError} It is not a response that can be sent.
 */
export function checked(response: unknown): Response {
  if (!(response instanceof Response)) {
    throw new TypeError("The handler did not return a Response");
  }
  if (response.status === 101) {
    throw new TypeError(`The handler upgraded the connection${UPGRADE_HINT}`);
  }
  if (response.status < 200) {
    throw new TypeError(`The handler returned the status ${response.status}`);
  }
  if (response.bodyUsed) {
    throw new TypeError(
      "The handler returned a Response whose body was already read",
    );
  }
  checkHeaders(response);
  return response;
}

/**
 * Returns the response to a request whose handler has failed: that of `onError`. Without
 * it, logs the error.
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
  const isUpgrade = attempt(() => request?.headers.has("upgrade")) ?? false;
  const hint = isUpgrade && !`${error}`.includes("; use ") ? UPGRADE_HINT : "";
  logFailure(problem(request), `${error}${hint}`);
  return plainResponse(500);
}

/** Returns the start of a message about a request. */
export function problem(request: Request | undefined): string {
  const what = attempt(() => {
    const { method, url } = request!;
    const [path] = url.replace(/^\w+:\/\/[^/]*/, "").split("?");
    return `${method} ${path}`;
  });
  return `Cannot answer ${what ?? "a request"}`;
}

/** A request of Deno's own server has no properties after its end: they throw. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Returns the response of the service itself. */
export function plainResponse(status: number): Response {
  return new Response(`${PLAIN_TEXT[status]}\n`, { status });
}
