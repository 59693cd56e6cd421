// A program may replace the globals, by classes whose objects have no such internals.
const { Request, Response } = globalThis;

/** An object by the symbols of its properties: `Reflect.get()` takes longer. */
type Internal<Value> = Record<symbol, Value>;

/** The parts that a `Request` is made from. */
export interface RequestSource {
  readonly method: string;
  url(): string;
  /** Names and values. Called once, when the handler reads the headers. */
  headers(): [string, string][];
  /** All of the body, or the rest of it. Called once, when the handler needs it. */
  body(): CompleteBody | ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Calls back when the client disconnects. */
  onDisconnect(callback: () => void): void;
}

let newRequest: ((source: RequestSource) => Request | undefined) | undefined;

/**
 * Returns a `Request` that makes its headers and its signal on demand, as those of
 * `Deno.serve()` do: with the constructor they take longer than the rest of a small
 * response. Undefined when the internals of a `Request` fail validation.
 */
export function requestOnDemand(source: RequestSource): Request | undefined {
  newRequest ??= requestFactory();
  return newRequest(source);
}

/** Returns Deno's inner object of a request; undefined when its property is not known. */
export function innerRequest<Inner>(request: Request): Inner | undefined {
  if (requestSymbol === undefined) {
    requestSymbol =
      symbolsOf(new Request("http://localhost/")).get("request") ?? null;
  }
  return requestSymbol === null
    ? undefined
    : (request as unknown as Internal<Inner>)[requestSymbol];
}

/** Null when a `Request` has no such property. */
let requestSymbol: symbol | null | undefined;

/** Returns Deno's inner object of a body, as a request has it. */
export function innerBody(body: CompleteBody | ReadableStream): unknown {
  return innerResponse(new Response(body))?.body;
}

function requestFactory(): NonNullable<typeof newRequest> {
  const model = new Request("http://localhost/");
  const symbols = symbolsOf(model);
  const [brand, inner, guard] = ["[[webidl.brand]]", "request", "headers guard"]
    .map((description) => symbols.get(description)!);
  if (brand === undefined || inner === undefined || guard === undefined) {
    return () => undefined;
  }

  class InnerRequest {
    readonly method: string;
    readonly #source: RequestSource;
    #headerList: [string, string][] | undefined;
    #body: unknown;

    constructor(source: RequestSource) {
      this.method = source.method;
      this.#source = source;
    }

    get headerList(): [string, string][] {
      return this.#headerList ??= this.#source.headers();
    }

    get body(): unknown {
      if (this.#body === undefined) {
        const body = this.#source.body();
        this.#body = body === null ? null : innerBody(body);
      }
      return this.#body;
    }

    set body(body: unknown) {
      this.#body = body;
    }

    url(): string {
      return this.#source.url();
    }

    currentUrl(): string {
      return this.#source.url();
    }

    onCancel(callback: () => void): void {
      this.#source.onDisconnect(callback);
    }
  }
  // For the properties that a request of a server does not set.
  Object.setPrototypeOf(InnerRequest.prototype, Reflect.get(model, inner));

  const create = (source: RequestSource): Request => {
    const request = new Request(brand as unknown as string);
    Reflect.set(request, inner, new InnerRequest(source));
    Reflect.set(request, guard, "immutable");
    return request;
  };
  try {
    return isLikeRequest(create) ? create : () => undefined;
  } catch {
    return () => undefined;
  }
}

function isLikeRequest(create: (source: RequestSource) => Request): boolean {
  let disconnect = () => {};
  const source = {
    method: "PUT",
    url: () => "http://localhost/a",
    headers: (): [string, string][] => [["Content-Type", "text/x"]],
    body: () => new ReadableStream(),
    onDisconnect: (callback: () => void) => disconnect = callback,
  };
  const without = create({ ...source, body: () => null });
  const request = create(source);
  const received = create({ ...source, body: () => new Uint8Array(1) });
  const { signal } = request;
  const wasAborted = signal.aborted;
  disconnect();
  const copies = [request, new Request(without), without.clone()];
  return without.body === null && request.body instanceof ReadableStream &&
    received.body instanceof ReadableStream &&
    !wasAborted && signal.aborted && signal.reason.name === "AbortError" &&
    copies.every((each) =>
      each.method === "PUT" && each.url === "http://localhost/a" &&
      each.headers.get("content-type") === "text/x"
    );
}

function symbolsOf(object: object): Map<string | undefined, symbol> {
  return new Map(
    Object.getOwnPropertySymbols(object).map((symbol) =>
      [symbol.description, symbol] as const
    ),
  );
}

/** The body of a response before a stream is made of it. */
type CompleteBody = string | Uint8Array<ArrayBuffer>;

/** Deno's inner object of a response. */
export interface InnerResponse {
  readonly status: number;
  body: { streamOrStatic: { body?: CompleteBody; consumed?: boolean } } | null;
  /** The names and values of the headers, of which `response.headers` is a view. */
  readonly headerList: [name: string, value: string][];
  /** Whether `fetch()` has decoded the body: its length and coding are unknown. */
  readonly bodyDecoded: boolean;
}

/** The parts of a response that a server sends. */
export interface ResponseParts {
  status: number;
  /** Names and values, as the program has set them. */
  headers: [name: string, value: string][];
  /** The body, if all of it is in memory. */
  body: CompleteBody | undefined;
  /** Whether `fetch()` has decoded the body: its length and coding are unknown. */
  isDecoded: boolean;
}

/** The properties of a `Response`. */
interface ResponseSymbols {
  inner: symbol;
  /** A text as the body, of which no stream was made yet, and its type. */
  lazyBody: symbol;
  lazyType: symbol;
  isConsumed: symbol;
}

/** Null when the internals of a `Response` fail validation. */
let responseSymbols: ResponseSymbols | null | undefined;

/**
 * Returns Deno's inner object of a response; undefined when it fails validation. Reading
 * `response.headers` instead takes up to a quarter of the time of a small response.
 */
export function innerResponse(response: Response): InnerResponse | undefined {
  if (responseSymbols === undefined) responseSymbols = findResponseSymbols();
  return responseSymbols === null
    ? undefined
    : (response as unknown as Internal<InnerResponse> | undefined)
      ?.[responseSymbols.inner];
}

/** Returns the body of an unread response if all of it is in memory. */
export function completeBody(response: Response): CompleteBody | undefined {
  const inner = innerResponse(response);
  if (inner === undefined) return undefined;
  const { lazyBody } = responseSymbols!;
  const body = (response as unknown as Internal<unknown>)[lazyBody] ??
    inner.body?.streamOrStatic.body;
  return typeof body === "string" || body instanceof Uint8Array
    ? body as CompleteBody
    : undefined;
}

/** Whether a response is one of Deno, unread, and has a body in memory. */
export function hasReadyBody(response: unknown): response is Response {
  const inner = innerResponse(response as Response);
  if (inner === undefined) return false;
  const { lazyBody, isConsumed } = responseSymbols!;
  const own = response as Internal<unknown>;
  if (typeof own[lazyBody] === "string") return own[isConsumed] !== true;
  const kept = inner.body?.streamOrStatic;
  return kept?.body !== undefined && kept.consumed !== true;
}

/**
 * Takes an unread response apart. A body that is in memory counts as read from then on;
 * making a stream of it would take as long as the rest of a small response.
 */
export function takeResponse(response: Response): ResponseParts {
  const inner = innerResponse(response);
  if (inner === undefined) return partsByDocumentedApi(response);
  const { status, headerList: headers, bodyDecoded: isDecoded } = inner;
  const body = completeBody(response);
  if (body === undefined) return { status, headers, body, isDecoded };
  if (inner.body !== null) {
    inner.body.streamOrStatic.consumed = true;
    return { status, headers, body, isDecoded };
  }
  // Deno has not made the header of the type yet, either.
  const { lazyType, isConsumed } = responseSymbols!;
  const own = response as unknown as Internal<unknown>;
  own[isConsumed] = true;
  const type = own[lazyType] as string ?? "text/plain;charset=UTF-8";
  return {
    status,
    headers: [...headers, ["content-type", type]],
    body,
    isDecoded,
  };
}

function partsByDocumentedApi(response: Response): ResponseParts {
  const { status } = response;
  const headers = [...response.headers];
  const coding = response.headers.get("content-encoding") ?? "";
  const isDecoded = response.type === "basic" && /^(gzip|br)$/i.test(coding);
  return { status, headers, body: undefined, isDecoded };
}

/** Finds the properties, and validates them. */
function findResponseSymbols(): ResponseSymbols | null {
  const symbols = symbolsOf(new Response(""));
  const found = {
    inner: symbols.get("response"),
    lazyBody: symbols.get("lazy static body"),
    lazyType: symbols.get("lazy static content type"),
    isConsumed: symbols.get("serve fast consumed"),
  };
  try {
    if (Object.values(found).includes(undefined)) return null;
    responseSymbols = found as ResponseSymbols;
    return isLikeResponse() ? responseSymbols : null;
  } catch {
    return null;
  }
}

function isLikeResponse(): boolean {
  const init = { status: 404, headers: { a: "b" } };
  const type = ["content-type", "text/plain;charset=UTF-8"];
  const read = new Response("text", init);
  // Reading the headers, like a copy, changes where Deno keeps the parts.
  void read.headers;
  const bytes = new Uint8Array(1);
  const json = ["content-type", "application/json"];
  const samples: [Response, CompleteBody | undefined, string[][]][] = [
    [new Response("text"), "text", [type]],
    [new Response("text").clone(), "text", [type]],
    [read, "text", [["a", "b"], type]],
    [new Response(bytes, init), bytes, [["a", "b"]]],
    [Response.json(1), "1", [json]],
    [new Response(null, init), undefined, [["a", "b"]]],
  ];
  return samples.every(([response, body, headers]) => {
    const parts = takeResponse(response);
    return `${parts.body}` === `${body}` && !parts.isDecoded &&
      response.bodyUsed === (body !== undefined) &&
      `${parts.headers}`.toLowerCase() === `${headers}`.toLowerCase();
  });
}
