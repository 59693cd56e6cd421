import { setTimeLimit } from "../activation/_timer.ts";
import type { Acceptor } from "../activation/_transport.ts";
import { logFailure } from "../daemon/_log_failure.ts";
import { completeBody } from "../runtime/fetch_objects.ts";
import type { HttpBinding, HttpConnection } from "../runtime/http_binding.ts";
import {
  forbidUpgrade,
  headerOf,
  limitBody,
  methodOf,
  passBodyThrough,
} from "../runtime/native_request.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import {
  bodyTooLong,
  checked,
  failureResponse,
  type HandlerOptions,
  serviceResponse,
  WRONG_UPGRADE,
} from "./_handler_result.ts";
import { setHeader } from "./_header_guard.ts";
import { RequestHold } from "./_request_hold.ts";
import { GRACE_MS } from "./_http_limits.ts";
import type { ServiceServer, ServiceServerEvents } from "./_service_server.ts";
import type { ServeInfo } from "./serve_handler.ts";

/** The bytes of a body that certainly fit into the buffers between it and its client. */
const BUFFERED_BYTES = 64 * 1024;

/** The announced length of a body for which Deno may reserve memory. */
const RESERVED_BYTES_MAX = 16 * 1024 * 1024;

/** The time for a client to read the response to a body that is too long, in milliseconds. */
const LAST_BYTES_MS = 100;

/** Serves the connections of a TCP socket by Deno's own HTTP server. */
export class NativeServer implements ServiceServer {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #binding: HttpBinding;
  readonly #acceptor: Acceptor<StreamHandle>;
  readonly #options: HandlerOptions;
  readonly #connections = new Set<NativeConnection>();
  #hold: RequestHold | undefined;
  #isRef = true;

  constructor(
    binding: HttpBinding,
    acceptor: Acceptor<StreamHandle>,
    options: HandlerOptions,
  ) {
    this.addr = acceptor.addr;
    this.#binding = binding;
    this.#acceptor = acceptor;
    this.#options = options;
  }

  start(events: ServiceServerEvents): void {
    const requests = this.#hold = new RequestHold(events);
    this.#acceptor.start(
      (handle) => this.#serve(handle, requests),
      events.onAcceptError,
    );
  }

  async drain(): Promise<void> {
    this.#acceptor.close();
    this.#hold?.stop();
    this.#connections.forEach((each) => each.drain());
    await Promise.all([...this.#connections].map((each) => each.finished));
  }

  abort(): void {
    this.#connections.forEach((each) => each.abort());
  }

  setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? "ref" : "unref";
    this.#acceptor[method]();
    this.#connections.forEach((each) => each[method]());
  }

  #serve(handle: StreamHandle, requests: RequestHold): void {
    const connection = new NativeConnection(this.#options, requests);
    try {
      if (!connection.open(this.#binding, handle)) return;
    } catch (error) {
      return logFailure("Cannot serve a connection", error);
    }
    if (!this.#isRef) connection.unref();
    this.#connections.add(connection);
    connection.finished.then(() => this.#connections.delete(connection));
  }
}

/** A connection of Deno's own HTTP server, and its requests. */
class NativeConnection {
  readonly #options: HandlerOptions;
  readonly #requests: RequestHold;
  #http!: HttpConnection;
  /** The requests that have no response yet, or whose response is a stream. */
  #pending = 0;
  /** Whether a complete response may still be on its way to a slow client. */
  #isSending = false;
  /** Whether it is HTTP/2; unknown before the first request. */
  #isMultiplexed: boolean | undefined;
  #isDraining = false;
  #keepOpen = () => {};

  constructor(options: HandlerOptions, requests: RequestHold) {
    this.#options = options;
    this.#requests = requests;
  }

  /** @returns Whether the client is still connected. */
  open(binding: HttpBinding, handle: StreamHandle): boolean {
    const http = binding.serve(
      handle,
      (request, info) => this.#answer(request, info),
      (error) => failureResponse(error, this.#options),
    );
    if (http === undefined) return false;
    this.#http = http;
    http.finished.then(() => this.#keepOpen());
    return true;
  }

  get finished(): Promise<void> {
    return this.#http.finished;
  }

  drain(): void {
    this.#isDraining = true;
    if (this.#isMultiplexed) this.#http.drain();
    if (this.#pending === 0) this.#closeAfterGrace();
  }

  abort(): void {
    this.#http.abort();
  }

  ref(): void {
    this.#http.ref();
  }

  unref(): void {
    this.#http.unref();
  }

  /** Every request passes here, and its response through `#send()`. */
  #answer(request: Request, info: ServeInfo): Response | Promise<Response> {
    this.#pending++;
    this.#isSending = false;
    if (this.#isDraining) this.#keepOpen();
    this.#requests.begin();
    this.#isMultiplexed ??= headerOf(request, "host") === null;
    forbidUpgrade(request, refuseUpgrade);
    try {
      request = this.#limitBody(request, info);
    } catch (error) {
      const response = serviceResponse(error, request);
      setHeader(response, "connection", "close");
      return this.#send(response, info);
    }
    try {
      const result = this.#options.handler(request, info);
      if (!(result instanceof Promise)) {
        return this.#send(checked(result), info);
      }
      return result.then(
        (response) => {
          try {
            return this.#send(checked(response), info);
          } catch (error) {
            return this.#fail(error, request, info);
          }
        },
        (error) => this.#fail(error, request, info),
      );
    } catch (error) {
      return this.#fail(error, request, info);
    }
  }

  /** Never rejects: Deno 2.9.4 and older then exit. */
  async #fail(
    error: unknown,
    request: Request,
    info: ServeInfo,
  ): Promise<Response> {
    const response = await failureResponse(error, this.#options, request);
    return this.#send(response, info);
  }

  /** The response of a request is complete, or its client has gone. */
  readonly #end = (): void => {
    this.#requests.end();
    this.#pending--;
    if (this.#isDraining && this.#pending === 0) this.#closeAfterGrace();
  };

  /**
   * Deno reserves memory for an announced length before a byte of it has arrived.
   *
   * @throws {RefusedRequest} The body is too long.
   */
  #limitBody(request: Request, info: ServeInfo): Request {
    const method = methodOf(request);
    if (method === "GET" || method === "HEAD") return request;
    const { maxBodyBytes } = this.#options;
    const refuse = () => {
      // After the response, Deno would read on, as fast as the client sends.
      info.completed.finally(() => {
        if (!this.#isMultiplexed) setTimeout(() => this.abort(), LAST_BYTES_MS);
      }).catch(() => {});
      return bodyTooLong(maxBodyBytes);
    };
    const length = headerOf(request, "content-length");
    if (length !== null && Number(length) > maxBodyBytes) throw refuse();
    return length === null || Number(length) > RESERVED_BYTES_MAX
      ? limitBody(request, maxBodyBytes, refuse)
      : request;
  }

  /** Every response passes here on its way to Deno, which sends it. */
  #send(response: Response, info: ServeInfo): Response {
    if (this.#isDraining && !this.#isMultiplexed) {
      setHeader(response, "connection", "close");
      this.#http.drain();
    }
    const body = completeBody(response);
    if (body === undefined) {
      passBodyThrough(response);
      info.completed.then(this.#end, this.#end);
    } else {
      this.#isSending ||= body.length > BUFFERED_BYTES;
      this.#end();
    }
    return response;
  }

  /**
   * Closes an idle connection after the grace period, unless its client sends a request.
   * A client of HTTP/2 may keep it open: it is then closed at once.
   */
  #closeAfterGrace(): void {
    const later = (call: () => void) => {
      this.#keepOpen();
      this.#keepOpen = setTimeLimit(call, GRACE_MS);
    };
    later(() => {
      this.#http.drain();
      later(() => {
        const mayBeSilent = this.#isMultiplexed ?? true;
        if (mayBeSilent && !this.#isSending) this.#http.abort();
      });
    });
  }
}

function refuseUpgrade(): never {
  throw new TypeError(WRONG_UPGRADE);
}
