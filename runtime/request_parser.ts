/** The head of a request, as the parser returns it. */
export interface ParsedHead {
  method: string;
  /** The request target. */
  url: string;
  httpVersion: string;
  /** Names and values, in turn. */
  rawHeaders: string[];
  /** Whether the parser reads no request after this one. */
  isUpgrade: boolean;
  /** Whether the connection stays open after the response. */
  keepAlive: boolean;
}

/** The callbacks of a parser. */
export interface ParserEvents {
  onBegin(): void;
  onHead(head: ParsedHead): void;
  /** The bytes do not share memory with the parsed chunk. */
  onBody(bytes: Uint8Array<ArrayBuffer>): void;
  onComplete(): void;
}

/** A parser of requests of HTTP/1, with strict rules and headers of at most 16 KiB. */
export interface RequestParser {
  /** Returns the error that ends the connection. */
  execute(chunk: Uint8Array): (Error & { code?: string }) | undefined;
  /** The bytes of the last chunk that belong to requests; others follow an upgrade. */
  readonly consumed: number;
  close(): void;
}

/** The parser below `node:http`, with callbacks by the number of an event. */
interface NativeParser {
  [event: number]: (...args: never[]) => unknown;
  initialize(type: number): void;
  execute(chunk: Uint8Array): number | Error;
  close(): void;
}

interface ParserModule {
  HTTPParser: {
    new (): NativeParser;
    REQUEST: number;
    kOnMessageBegin: number;
    kOnHeaders: number;
    kOnHeadersComplete: number;
    kOnBody: number;
    kOnMessageComplete: number;
  };
  allMethods: string[];
}

/** Creates parsers. */
export type NewParser = (events: ParserEvents) => RequestParser;

let loadingParser: Promise<NewParser | undefined> | undefined;

/**
 * Returns the parser below `node:http`, whose own messages and streams take most of the
 * time of a small response; undefined when it fails validation.
 */
export function requestParser(): Promise<NewParser | undefined> {
  return loadingParser ??= import("node:process").then(
    ({ default: process }) => {
      try {
        const newParser = parserOf(
          (process as unknown as { binding(name: string): unknown })
            .binding("http_parser"),
        );
        return parsesAsExpected(newParser) ? newParser : undefined;
      } catch {
        return undefined;
      }
    },
  );
}

/** Returns the function that creates parsers of this module of the runtime. */
export function parserOf(module: unknown): NewParser {
  const { HTTPParser, allMethods } = module as ParserModule;
  return (events) => {
    const parser = new HTTPParser();
    parser.initialize(HTTPParser.REQUEST);
    // The parser passes headers on in parts when they span chunks.
    let early: string[] = [];
    let earlyUrl = "";
    let parsed: Uint8Array | undefined;
    parser[HTTPParser.kOnMessageBegin] = () => {
      early = [];
      earlyUrl = "";
      events.onBegin();
    };
    parser[HTTPParser.kOnHeaders] = (headers: string[], url: string) => {
      early.push(...headers);
      earlyUrl += url;
    };
    parser[HTTPParser.kOnHeadersComplete] = (
      major: number,
      minor: number,
      headers: string[] | undefined,
      method: number,
      url: string | undefined,
      _status: undefined,
      _reason: undefined,
      isUpgrade: boolean,
      keepAlive: boolean,
    ) => {
      const rawHeaders = headers ?? early;
      // Trailers are passed on by the same callback.
      early = [];
      events.onHead({
        method: allMethods[method]!,
        url: url ?? earlyUrl,
        httpVersion: `${major}.${minor}`,
        rawHeaders,
        isUpgrade,
        keepAlive,
      });
      // Other results skip the body.
      return 0;
    };
    parser[HTTPParser.kOnBody] = (bytes: Uint8Array<ArrayBuffer>) =>
      events.onBody(bytes.buffer === parsed?.buffer ? bytes.slice() : bytes);
    parser[HTTPParser.kOnMessageComplete] = () => events.onComplete();
    let consumed = 0;
    return {
      get consumed() {
        return consumed;
      },
      execute(chunk) {
        parsed = chunk;
        const result = parser.execute(chunk);
        parsed = undefined;
        if (typeof result !== "number") return result;
        consumed = result;
        return undefined;
      },
      close: () => parser.close(),
    };
  };
}

/** Parses a request in two parts, and one that could be taken for two. */
export function parsesAsExpected(newParser: NewParser): boolean {
  const encoder = new TextEncoder();
  const events: unknown[] = [];
  const parser = newParser({
    onBegin: () => events.push("begin"),
    onHead: (head) => events.push(head),
    onBody: (bytes) => events.push(new TextDecoder().decode(bytes)),
    onComplete: () => events.push("complete"),
  });
  const execute = (text: string) => parser.execute(encoder.encode(text));
  const first = execute("PUT /a?b HTTP/1.1\r\nHost: c\r\nContent-L") ??
    execute("ength: 2\r\n\r\nde");
  const smuggled = "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const second = execute(`POST / HTTP/1.1\r\nHost: c\r\n${smuggled}`);
  parser.close();
  const upgraded = newParser({
    onBegin() {},
    onHead() {},
    onBody() {},
    onComplete() {},
  });
  const upgrade = "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
  upgraded.execute(encoder.encode(`${upgrade}rest`));
  const { consumed } = upgraded;
  upgraded.close();
  const expected: unknown[] = [
    "begin",
    {
      method: "PUT",
      url: "/a?b",
      httpVersion: "1.1",
      rawHeaders: ["Host", "c", "Content-Length", "2"],
      isUpgrade: false,
      keepAlive: true,
    },
    "de",
    "complete",
  ];
  return first === undefined && second instanceof Error &&
    consumed === upgrade.length &&
    JSON.stringify(events.slice(0, 4)) === JSON.stringify(expected);
}
