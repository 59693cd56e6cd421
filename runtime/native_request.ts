import { innerBody, innerRequest, innerResponse } from "./fetch_objects.ts";

/** The inner object of a request of Deno's own HTTP server. Any member may be missing. */
interface NativeInner {
  readonly method?: string;
  header?(name: string): string | null;
  _wantsUpgrade?(): unknown;
  /** Returns a body that has arrived, as a text. */
  consumeTextBody?(): unknown;
  readonly body: unknown;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Returns a header of a request of Deno's own server, without making an object of its
 * headers.
 */
export function headerOf(request: Request, name: string): string | null {
  const inner = innerRequest<NativeInner>(request);
  return typeof inner?.header === "function"
    ? inner.header(name)
    : request.headers.get(name);
}

/** Returns the method, without the checks of the documented property. */
export function methodOf(request: Request): string {
  return innerRequest<NativeInner>(request)?.method ?? request.method;
}

/**
 * Makes `Deno.upgradeWebSocket()` throw for a request of Deno's own server, which would
 * close the connection without a response.
 */
export function forbidUpgrade(request: Request, refuse: () => never): void {
  const inner = innerRequest<NativeInner>(request);
  if (inner?._wantsUpgrade !== undefined) inner._wantsUpgrade = refuse;
}

/**
 * Makes the body of a request a stream of unknown length, for which Deno reserves no
 * memory, and which fails after `maxBytes`. Nothing is received before the first read.
 *
 * @param onTooLong Called when the body is longer. Returns the error.
 * @returns The same request; a copy when its internals have another shape.
 */
export function limitBody(
  request: Request,
  maxBytes: number,
  onTooLong: () => Error,
): Request {
  const limit = (body: ReadableStream<Bytes> | null) =>
    body && limitStream(body, maxBytes, onTooLong);
  const inner = innerRequest<NativeInner>(request);
  const prototype = inner && Object.getPrototypeOf(inner);
  const body = prototype && Object.getOwnPropertyDescriptor(prototype, "body");
  if (inner === undefined || body?.get === undefined) {
    return new Request(request, { body: limit(request.body) });
  }
  let limited: unknown;
  Object.defineProperty(inner, "body", {
    get() {
      if (limited !== undefined) return limited;
      const stream =
        (body.get!.call(inner) as { stream?: ReadableStream<Bytes> })
          ?.stream;
      return limited = stream === undefined ? null : innerBody(limit(stream)!);
    },
    set: (changed) => limited = changed,
  });
  inner.consumeTextBody = () => null;
  return request;
}

/** The limited streams, and those of Deno below them. */
const sources = new WeakMap<object, ReadableStream<Bytes>>();

/**
 * If the body of a response is that of a request, lets Deno itself copy it: once a response
 * has begun, Deno (2.9) receives nothing for other readers.
 */
export function passBodyThrough(response: Response): void {
  const body = innerResponse(response)?.body;
  const source = body && sources.get(body.streamOrStatic);
  if (source?.locked === false) Reflect.set(body!, "streamOrStatic", source);
}

function limitStream(
  body: ReadableStream<Bytes>,
  maxBytes: number,
  onTooLong: () => Error,
): ReadableStream<Bytes> {
  let reader: ReadableStreamDefaultReader<Bytes> | undefined;
  let count = 0;
  const limited: ReadableStream<Bytes> = new ReadableStream({
    type: "bytes",
    async pull(controller) {
      reader ??= body.getReader();
      const { done, value } = await reader.read();
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      count += value.length;
      if (count > maxBytes) {
        const error = onTooLong();
        reader.cancel(error).catch(() => {});
        throw error;
      }
      controller.enqueue(value);
    },
    cancel: (reason) => (reader ?? body).cancel(reason),
  });
  sources.set(limited, body);
  return limited;
}
