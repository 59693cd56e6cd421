// A program may replace the globals, by classes whose objects have no such internals.
const { Request, Response } = globalThis;

/** What a `Request` is made of. */
export interface RequestSource {
  readonly method: string;
  url(): string;
  /** Names and values. Called once, when the handler reads the headers. */
  headers(): [string, string][];
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /** Calls back when the client leaves. */
  onLeave(callback: () => void): void;
}

let newRequest: ((source: RequestSource) => Request | undefined) | undefined;

/**
 * Returns a `Request` that makes its headers and its signal on demand, as those of
 * `Deno.serve()` do: with the constructor they take longer than the rest of a small
 * answer. Undefined when the internals of a `Request` fail validation.
 */
export function requestOnDemand(source: RequestSource): Request | undefined {
  newRequest ??= requestFactory();
  return newRequest(source);
}

/** Returns what Deno keeps of a request; undefined when that is not known. */
export function innerRequest<Inner>(request: Request): Inner | undefined {
  requestSymbol ??=
    symbolsOf(new Request("http://localhost/")).get("request") ??
      null;
  return requestSymbol === null
    ? undefined
    : Reflect.get(request, requestSymbol);
}

let requestSymbol: symbol | null | undefined;

/** Returns a stream in the form in which Deno keeps the body of a request. */
export function innerBody(stream: ReadableStream): unknown {
  return innerResponse(new Response(stream))?.body;
}

function requestFactory(): NonNullable<typeof newRequest> {
  const model = new Request("http://localhost/");
  const symbols = symbolsOf(model);
  const [brand, inner, guard] = ["[[webidl.brand]]", "request", "headers guard"]
    .map((description) => symbols.get(description)!);
  if (brand === undefined || inner === undefined || guard === undefined) {
    return () => undefined;
  }
  const innerBody = symbolsOf(new Response()).get("response")!;

  class InnerRequest {
    readonly method: string;
    readonly #source: RequestSource;
    #headerList: [string, string][] | undefined;
    #body: unknown;

    constructor(source: RequestSource) {
      this.method = source.method;
      this.#source = source;
      this.#body = source.body === null
        ? null
        : Reflect.get(new Response(source.body), innerBody).body;
    }

    get headerList(): [string, string][] {
      return this.#headerList ??= this.#source.headers();
    }

    get body(): unknown {
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
      this.#source.onLeave(callback);
    }
  }
  // What a request of a server has no values for.
  Object.setPrototypeOf(InnerRequest.prototype, Reflect.get(model, inner));

  const create = (source: RequestSource): Request => {
    const request = new Request(brand as unknown as string);
    Reflect.set(request, inner, new InnerRequest(source));
    Reflect.set(request, guard, "request");
    return request;
  };
  try {
    return isLikeRequest(create) ? create : () => undefined;
  } catch {
    return () => undefined;
  }
}

function isLikeRequest(create: (source: RequestSource) => Request): boolean {
  let leave = () => {};
  const source = {
    method: "PUT",
    url: () => "http://localhost/a",
    headers: (): [string, string][] => [["Content-Type", "text/x"]],
    body: new ReadableStream(),
    onLeave: (callback: () => void) => leave = callback,
  };
  const without = create({ ...source, body: null });
  const request = create(source);
  const { signal } = request;
  const wasAborted = signal.aborted;
  leave();
  const copies = [request, new Request(without), without.clone()];
  return without.body === null && request.body instanceof ReadableStream &&
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

/** What Deno keeps of a response. */
export interface InnerResponse {
  body: { streamOrStatic: { body?: CompleteBody } } | null;
  /** The names and values of the headers, of which `response.headers` is a view. */
  readonly headerList: [name: string, value: string][];
  /** Whether `fetch()` has decoded the body: its length and coding are unknown. */
  readonly bodyDecoded: boolean;
}

/** The properties of a `Response`, if it is known what they mean. */
interface ResponseSymbols {
  inner: symbol | undefined;
  staticBody: symbol | undefined;
}

let responseSymbols: ResponseSymbols | undefined;

/**
 * Returns what Deno keeps of a response; undefined when that fails validation. Reading
 * `response.headers` instead takes up to a quarter of the time of a small response.
 */
export function innerResponse(response: Response): InnerResponse | undefined {
  responseSymbols ??= findResponseSymbols();
  return read(response, responseSymbols.inner) as InnerResponse | undefined;
}

/**
 * Returns the body of an unread response if all of it is in memory. Making a stream of
 * it takes as long as the rest of a small response.
 */
export function completeBody(response: Response): CompleteBody | undefined {
  responseSymbols ??= findResponseSymbols();
  const body = read(response, responseSymbols.staticBody) ??
    innerResponse(response)?.body?.streamOrStatic.body;
  return typeof body === "string" || body instanceof Uint8Array
    ? body as CompleteBody
    : undefined;
}

function read(object: object, symbol: symbol | undefined): unknown {
  return symbol && Reflect.get(object, symbol);
}

/** Finds the properties, and validates them. */
function findResponseSymbols(): ResponseSymbols {
  const symbols = symbolsOf(new Response(""));
  responseSymbols = {
    inner: symbols.get("response"),
    staticBody: symbols.get("lazy static body"),
  };
  try {
    if (isLikeResponse()) return responseSymbols;
  } catch {
    // They have another shape.
  }
  return { inner: undefined, staticBody: undefined };
}

function isLikeResponse(): boolean {
  const hasBodies = [{}, { headers: { a: "b" } }].every((init) =>
    completeBody(new Response("text", init)) === "text" &&
    completeBody(new Response(null, init)) === undefined &&
    completeBody(new Response(new ReadableStream(), init)) === undefined
  );
  const response = new Response("", { headers: { "content-type": "a" } });
  response.headers.append("b", "c");
  const { headerList, bodyDecoded } = innerResponse(response)!;
  return hasBodies && bodyDecoded === false &&
    `${headerList}` === "content-type,a,b,c";
}
