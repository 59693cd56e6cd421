/**
 * The runtime's stream handles, below `node:net`: all undocumented API that this
 * project uses. Numbers come from the runtime's exports, and the shape of everything
 * is validated at the start. If validation fails, `node:net` and `node:tls` are used
 * alone, with the same behaviour at lower speed.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** A stream socket of the runtime's event loop, which `node:net` is built on. */
export interface StreamHandle {
  /**
   * Called with received bytes; with undefined when they are in the user buffer, at
   * the end, and on errors. `readStart` looks this property up.
   */
  onread?(received?: ArrayBuffer): void;
  readStart(): number;
  readStop(): number;
  /** Makes the handle receive into this buffer. */
  useUserBuffer(buffer: Uint8Array): void;
  /**
   * Sends bytes, which must not change before completion. The binding's state says
   * whether the write is pending; if so, `oncomplete` is called later.
   */
  writeBuffer(request: StreamRequest, bytes: Uint8Array): number;
  shutdown(request: StreamRequest): number;
  listen(backlog: number): number;
  close(): void;
  ref(): void;
  unref(): void;
  /** The number of bytes received. */
  getBytesRead?(): number;
  // Only TCP handles have the following methods.
  getsockname?(into: Partial<SocketName>): number;
  getpeername?(into: Partial<SocketName>): number;
  setNoDelay?(enable: boolean): number;
  setKeepAlive?(enable: boolean, delaySeconds: number): number;
  /** Moves the socket out of the handle. Returns its resource number. */
  takeStream?(): number;
}

/** A listening socket. */
export interface ServerHandle extends StreamHandle {
  onconnection?(status: number, handle?: StreamHandle): void;
}

/** A pending write or shutdown. */
export interface StreamRequest {
  oncomplete?(status: number): void;
}

/** An address of a TCP handle. */
export interface SocketName {
  address: string;
  port: number;
}

/** The role that a descriptor is opened in. */
type Role = "SOCKET" | "SERVER";

interface HandleModule {
  constants: Record<Role, number>;
  setupListenWrap(server: ServerHandle): void;
}

type HandleClass = new (role: number) => ServerHandle & {
  open(fd: number): number;
};

/** The result of opening a descriptor as a server. */
interface OpenedFd {
  /** Undefined when the runtime could not open it. */
  handle: ServerHandle | undefined;
  /** The result of `open` or of listen(2): 0 when the socket listens. */
  status: number;
  /** Connections accepted before a caller adopted the listening socket. */
  queue: StreamHandle[];
  onAccepted: (handle: StreamHandle) => void;
}

/** The kinds of descriptor that are no stream sockets, by the runtime's names. */
const OTHER_KINDS: Record<string, string> = {
  FILE: "it is a file or a device",
  TTY: "it is a terminal",
  UNKNOWN:
    "it is a datagram, sequential packet or vsock socket, or not open at all",
};

export const UNIX_SOCKET = "it is a unix socket";

/** Thrown when a descriptor is of another kind than the caller asked for. */
export class RefusedFd extends Error {
  /** Whether the descriptor was closed; if not, another call may adopt it. */
  readonly closed: boolean;

  constructor(message: string, { closed = false } = {}) {
    super(message);
    this.closed = closed;
  }
}

/**
 * The runtime's stream handles. `node:net` above them takes twice as long to load, and
 * some twenty calls for each message: most of the processor time of a service with
 * small messages.
 */
export class StreamBinding {
  readonly #modules: Record<"PIPE" | "TCP", HandleModule>;
  readonly #classes: Record<"PIPE" | "TCP", HandleClass>;
  readonly #guessHandleType: (fd: number) => string;
  readonly #errname: (status: number) => string;
  readonly #invalid: number;
  readonly #notSocket: number;
  /**
   * Handles of refused descriptors: the runtime opens a descriptor only once, so the
   * next call uses the same handle.
   */
  readonly #refused = new Map<number, OpenedFd>();
  /** The result of the last call on any handle. */
  readonly state: Int32Array;
  /** The index in the state of the outcome of a read: bytes, the end, or an error. */
  readonly readOutcome: number;
  /** The index in the state that is 1 when the kernel did not take a write at once. */
  readonly writeIsPending: number;
  /** The outcome of a read after the last byte. */
  readonly end: number;

  /** @throws {TypeError} The runtime has no handles of the known shape. */
  constructor(load: (name: string) => unknown) {
    const module = <T>(name: string) => load(name) as T;
    const pipe = module<HandleModule & { Pipe: HandleClass }>("pipe_wrap");
    const tcp = module<HandleModule & { TCP: HandleClass }>("tcp_wrap");
    const stream = module<{
      streamBaseState: Int32Array;
      kReadBytesOrError: number;
      kLastWriteWasAsync: number;
    }>("stream_wrap");
    const uv = module<{
      errname(status: number): string;
      UV_EOF: number;
      UV_EINVAL: number;
      UV_ENOTSOCK: number;
    }>("uv");
    this.#modules = { PIPE: pipe, TCP: tcp };
    this.#classes = { PIPE: pipe.Pipe, TCP: tcp.TCP };
    this.state = stream.streamBaseState;
    this.readOutcome = stream.kReadBytesOrError;
    this.writeIsPending = stream.kLastWriteWasAsync;
    this.end = uv.UV_EOF;
    this.#invalid = uv.UV_EINVAL;
    this.#notSocket = uv.UV_ENOTSOCK;
    this.#errname = uv.errname;
    ({ guessHandleType: this.#guessHandleType } = module<
      { guessHandleType(fd: number): string }
    >("util"));
    this.#check();
  }

  /** Returns the runtime's name for the kind of a descriptor, without opening it. */
  kindOf(fd: number): string {
    return this.#guessHandleType(fd);
  }

  /**
   * Checks that a descriptor is a stream socket or a pipe, without opening it.
   *
   * @throws {RefusedFd} It is of another kind.
   */
  expectStreamSocket(fd: number, { onlyTcp = false } = {}): void {
    const kind = this.kindOf(fd);
    const other = OTHER_KINDS[kind] ??
      (onlyTcp && kind !== "TCP" ? UNIX_SOCKET : undefined);
    if (other !== undefined) throw new RefusedFd(other);
  }

  /**
   * Opens an inherited descriptor as a listening socket, and calls back with each
   * connection.
   *
   * @throws {RefusedFd} It is not a listening socket.
   */
  listen(
    fd: number,
    backlog: number,
    onConnection: (handle: StreamHandle) => void,
  ): ServerHandle {
    const opened = this.#open(fd, backlog);
    const { handle, status, queue } = opened;
    if (handle === undefined || status !== 0) throw this.#refuse(fd, opened);
    opened.onAccepted = onConnection;
    handle.ref();
    queue.forEach(onConnection);
    return handle;
  }

  /**
   * Opens an inherited descriptor as a connected socket.
   *
   * For a unix socket or a pipe, listen(2) decides: it fails with EINVAL on a
   * connected socket, and on one that was never bound. On a listening socket it
   * sets the backlog.
   *
   * @throws {RefusedFd} It is not a connected socket.
   */
  connect(fd: number, backlog: number): StreamHandle {
    const opened = this.#open(fd, backlog);
    if (opened.status !== this.#invalid) throw this.#refuse(fd, opened);
    if (opened.handle !== undefined) {
      opened.handle.ref();
      return opened.handle;
    }
    // The runtime does not open a TCP connection as a server.
    const handle = this.#create(fd, "SOCKET");
    const status = handle.open(fd);
    if (status !== 0) throw this.error(status, "open");
    if (handle.getpeername?.({}) === 0) return handle;
    handle.close();
    throw new RefusedFd("it has no peer", { closed: true });
  }

  /** Opens a descriptor as a server, or returns the handle of an earlier refusal. */
  #open(fd: number, backlog: number): OpenedFd {
    const refused = this.#refused.get(fd);
    if (refused !== undefined) {
      this.#refused.delete(fd);
      return refused;
    }
    this.expectStreamSocket(fd);
    const handle = this.#create(fd, "SERVER");
    const queue: StreamHandle[] = [];
    const opened: OpenedFd = {
      handle: undefined,
      status: handle.open(fd),
      queue,
      onAccepted: (accepted) => queue.push(accepted),
    };
    if (opened.status !== 0) return opened;
    opened.handle = handle;
    handle.onconnection = (_status, accepted) => {
      if (accepted !== undefined) opened.onAccepted(accepted);
    };
    this.#modules[this.#typeOf(fd)].setupListenWrap(handle);
    opened.status = handle.listen(backlog);
    return opened;
  }

  /** Keeps the open handle for the next call, and returns the error of this one. */
  #refuse(fd: number, opened: OpenedFd): RefusedFd {
    const { handle, status } = opened;
    if (handle !== undefined) {
      handle.unref();
      this.#refused.set(fd, opened);
    }
    const isTcp = this.#typeOf(fd) === "TCP";
    const socket = isTcp ? "a TCP socket" : "a unix socket";
    const connection = isTcp ? "a TCP connection" : "a unix connection";
    switch (status) {
      case 0:
        return new RefusedFd(`it is ${socket} that listens`);
      case this.#invalid:
        return new RefusedFd(`it is ${connection}`);
      case this.#notSocket:
        return new RefusedFd("it is a FIFO or a pipe");
      default:
        return new RefusedFd(this.error(status, "listen").message);
    }
  }

  #typeOf(fd: number): "PIPE" | "TCP" {
    return this.kindOf(fd) === "TCP" ? "TCP" : "PIPE";
  }

  #create(fd: number, role: Role) {
    const type = this.#typeOf(fd);
    return new this.#classes[type](this.#modules[type].constants[role]);
  }

  /** Returns the error that `node:net` has for a status. */
  error(status: number, syscall: string): Error & { code: string } {
    const code = this.#errname(status);
    return Object.assign(new Error(`${syscall} ${code}`), {
      code,
      errno: status,
      syscall,
    });
  }

  #check(): void {
    const methods = [
      ["open", "listen", "close", "ref", "unref", "readStart", "readStop"],
      ["useUserBuffer", "writeBuffer", "shutdown"],
    ].flat();
    const isIndex = (at: unknown) =>
      Number.isInteger(at) && (at as number) >= 0 &&
      (at as number) < this.state.length;
    const isStatus = (status: unknown) =>
      Number.isInteger(status) && (status as number) < 0;
    const known = this.state instanceof Int32Array &&
      isIndex(this.readOutcome) && isIndex(this.writeIsPending) &&
      this.readOutcome !== this.writeIsPending &&
      isStatus(this.end) && isStatus(this.#invalid) &&
      isStatus(this.#notSocket) &&
      Object.values(this.#classes).every(({ prototype }) =>
        methods.every((name) => typeof prototype[name] === "function")
      ) &&
      Object.values(this.#modules).every(({ constants, setupListenWrap }) =>
        typeof constants.SERVER === "number" &&
        typeof setupListenWrap === "function"
      ) &&
      typeof this.#guessHandleType === "function" &&
      typeof this.#errname === "function";
    if (!known) {
      throw new TypeError("The runtime's handles have another shape");
    }
  }
}

let loading: Promise<StreamBinding | undefined> | undefined;

/** Returns the runtime's stream handles; undefined when they fail validation. */
export function streamBinding(): Promise<StreamBinding | undefined> {
  return loading ??= load();
}

async function load(): Promise<StreamBinding | undefined> {
  const { default: process } = await import("node:process");
  try {
    const { binding } = process as unknown as {
      binding(name: string): unknown;
    };
    return new StreamBinding(binding);
  } catch {
    return undefined;
  }
}

/** A UDP socket of the runtime, which `node:dgram` is built on. */
export interface UdpHandle {
  /**
   * Called with each datagram, from `recvStart` to `recvStop`. Without `from`, receiving
   * has failed, or the handle is closed.
   */
  onmessage(
    count: number,
    handle: UdpHandle,
    bytes?: Uint8Array,
    from?: SocketName,
  ): void;
  open(fd: number): number;
  recvStart(): number;
  recvStop(): number;
  send(
    request: { oncomplete(status: number | null, sent?: number): void },
    parts: Uint8Array[],
    count: number,
    port: number,
    hostname: string,
    hasCallback: true,
  ): number;
  getsockname(into: Partial<SocketName>): number;
  close(): void;
  ref(): void;
  unref(): void;
}

/** What opens UDP sockets. */
export interface UdpHandles {
  streams: StreamBinding;
  UDP: new () => UdpHandle;
}

/** Returns the runtime's UDP handles; undefined when they fail validation. */
export async function udpHandles(): Promise<UdpHandles | undefined> {
  const streams = await streamBinding();
  if (streams === undefined) return undefined;
  const { default: process } = await import("node:process");
  try {
    const { UDP } = (process as unknown as {
      binding(name: string): Pick<UdpHandles, "UDP">;
    }).binding("udp_wrap");
    const methods = ["open", "recvStart", "recvStop", "send", "getsockname"];
    const isKnown = [...methods, "close", "ref", "unref"].every((name) =>
      typeof UDP.prototype[name] === "function"
    );
    return isKnown ? { streams, UDP } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens an inherited descriptor as a UDP socket.
 *
 * @throws {RefusedFd} It is none.
 */
export function openUdp({ streams, UDP }: UdpHandles, fd: number): UdpHandle {
  const kind = streams.kindOf(fd);
  // The runtime's name for UDP. Opening a TCP socket as UDP would succeed.
  if (kind !== "UNKNOWN") {
    throw new RefusedFd(
      kind === "TCP" ? "it is a TCP socket" : OTHER_KINDS[kind] ?? UNIX_SOCKET,
    );
  }
  const handle = new UDP();
  if (handle.open(fd) === 0) return handle;
  throw new RefusedFd("it is no UDP socket", { closed: true });
}

/** A connection of Deno's own HTTP server. */
export interface HttpConnection {
  /** Resolves when the connection is closed. */
  readonly finished: Promise<void>;
  /** Closes the connection: at once when it is idle, otherwise after its response. */
  drain(): void;
  /** Closes the connection at once. */
  abort(): void;
  ref(): void;
  unref(): void;
}

/** The undocumented part of `Deno` that its HTTP server is built on. */
interface Internals {
  serveHttpOnConnection(
    connection: Record<symbol, number>,
    signal: undefined,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    onError: (error: unknown) => Response | Promise<Response>,
    onListen: () => void,
  ): Pick<Deno.HttpServer, "finished" | "shutdown" | "ref" | "unref">;
  core: {
    internalRidSymbol: symbol;
    /** The open resources: their numbers, and the names of their kinds. */
    resources(): Record<number, string>;
    tryClose(resource: number): void;
    ops: { op_http_cancel(resource: number, graceful: boolean): void };
  };
}

/** Deno's own HTTP server, on TCP connections that this process has accepted. */
export class HttpBinding {
  readonly #internals: Internals;
  /** Whether a new server has the number after that of its connection. */
  #isNumbered: boolean | undefined;

  /** @throws {TypeError} The runtime has no HTTP server of the known shape. */
  constructor(internals: unknown) {
    this.#internals = internals as Internals;
    const { serveHttpOnConnection, core } = this.#internals;
    const functions = [
      ...[serveHttpOnConnection, core.resources, core.tryClose],
      core.ops.op_http_cancel,
    ];
    if (
      typeof core.internalRidSymbol !== "symbol" ||
      functions.some((each) => typeof each !== "function")
    ) {
      throw new TypeError("The runtime's HTTP server has another shape");
    }
  }

  /** Returns the resource number of an accepted connection. */
  resourceOf(conn: StreamHandle | Deno.TcpConn): number {
    if (!("takeStream" in conn)) {
      return Reflect.get(conn, this.#internals.core.internalRidSymbol);
    }
    const resource = conn.takeStream!();
    // The handle is empty now, and would stay in memory.
    conn.close();
    return resource;
  }

  /**
   * Serves HTTP/1.1, or HTTP/2 with prior knowledge, on a TCP connection.
   *
   * @throws The peer has gone.
   */
  serve(
    resource: number,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    onError: (error: unknown) => Response | Promise<Response>,
  ): HttpConnection {
    const { core, serveHttpOnConnection } = this.#internals;
    let server;
    try {
      server = serveHttpOnConnection(
        { [core.internalRidSymbol]: resource },
        undefined,
        handler,
        onError,
        () => {},
      );
    } catch (error) {
      core.tryClose(resource);
      throw error;
    }
    // The server has no method that closes it at once while it drains: its resource has.
    const number = resource + 1;
    this.#isNumbered ??= core.resources()[number] === "http";
    const close = this.#isNumbered
      ? (graceful: boolean) => {
        try {
          core.ops.op_http_cancel(number, graceful);
        } catch {
          // The connection is closed.
        }
      }
      : () => void server.shutdown();
    return {
      finished: server.finished.catch(() => {}),
      drain: () => close(true),
      abort: () => close(false),
      ref: () => server.ref(),
      unref: () => server.unref(),
    };
  }
}

/** Returns Deno's own HTTP server; undefined when it fails validation. */
export async function httpBinding(): Promise<HttpBinding | undefined> {
  // Loads the operations of the HTTP server, too.
  await streamBinding();
  try {
    return new HttpBinding(Reflect.get(Deno, Reflect.get(Deno, "internal")));
  } catch {
    return undefined;
  }
}

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
  /** Whether the client takes another response on this connection. */
  keepAlive: boolean;
}

/** What a parser calls while it parses. */
export interface ParserEvents {
  onBegin(): void;
  onHead(head: ParsedHead): void;
  /** The bytes share memory with the parsed chunk. */
  onBody(bytes: Uint8Array): void;
  onComplete(): void;
}

/** A parser of requests of HTTP/1, with strict rules and headers of at most 16 KiB. */
export interface RequestParser {
  /** Returns the error that ends the connection. */
  execute(chunk: Uint8Array): (Error & { code?: string }) | undefined;
  close(): void;
}

/** The parser below `node:http`, with callbacks by the number of an event. */
interface NativeParser {
  [event: number]: (...args: never[]) => unknown;
  initialize(type: number, resource?: undefined): void;
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
 * time of a small answer; undefined when it fails validation.
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

/** Returns what creates the parsers of a module of the runtime. */
export function parserOf(module: unknown): NewParser {
  const { HTTPParser, allMethods } = module as ParserModule;
  return (events) => {
    const parser = new HTTPParser();
    parser.initialize(HTTPParser.REQUEST);
    // Headers come in parts when they span chunks.
    let early: string[] = [];
    let earlyUrl = "";
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
      events.onHead({
        method: allMethods[method]!,
        url: url ?? earlyUrl,
        httpVersion: `${major}.${minor}`,
        rawHeaders: headers ?? early,
        isUpgrade,
        keepAlive,
      });
      // Other results skip the body.
      return 0;
    };
    parser[HTTPParser.kOnBody] = (bytes: Uint8Array) => events.onBody(bytes);
    parser[HTTPParser.kOnMessageComplete] = () => events.onComplete();
    return {
      execute(chunk) {
        const result = parser.execute(chunk);
        return typeof result === "number" ? undefined : result;
      },
      close: () => parser.close(),
    };
  };
}

/** Parses a request in two parts, and one that could be taken for two. */
function parsesAsExpected(newParser: NewParser): boolean {
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
    JSON.stringify(events.slice(0, 4)) === JSON.stringify(expected);
}

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

interface InnerResponse {
  body: { streamOrStatic: { body?: CompleteBody } } | null;
}

let readBody: ((response: Response) => CompleteBody | undefined) | undefined;

/**
 * Returns the body of an unread response if all of it is in memory. Making a stream of
 * it takes as long as the rest of a small response.
 */
export function completeBody(response: Response): CompleteBody | undefined {
  readBody ??= bodyReader();
  return readBody(response);
}

/** Finds the properties of a `Response` that hold a complete body, and validates them. */
function bodyReader(): NonNullable<typeof readBody> {
  const symbols = symbolsOf(new Response(""));
  const read = (response: Response) => {
    const get = (description: string): unknown =>
      Reflect.get(response, symbols.get(description) ?? "");
    const body = get("lazy static body") ??
      (get("response") as InnerResponse | undefined)?.body?.streamOrStatic.body;
    return typeof body === "string" || body instanceof Uint8Array
      ? body as CompleteBody
      : undefined;
  };
  const isKnown = [{}, { headers: { a: "b" } }].every((init) =>
    read(new Response("text", init)) === "text" &&
    read(new Response(null, init)) === undefined &&
    read(new Response(new ReadableStream(), init)) === undefined
  );
  return isKnown ? read : () => undefined;
}

/** The internals of a socket of `node:net`; a socket of `node:tls` has one as parent. */
interface NetInternals {
  readonly _handle?: Partial<StreamHandle> | null;
  readonly _parent?: NetInternals;
}

/** Whether listen(2) fails with EINVAL, as on a connected unix socket. */
export async function socketMayHavePeer(
  socket: Socket,
  backlog: number,
): Promise<boolean> {
  const { constants } = await import("node:os");
  const { _handle: handle } = socket as NetInternals;
  return handle?.listen === undefined ||
    handle.listen(backlog) === -constants.errno.EINVAL;
}

/**
 * Keeps the back-pressure of a TLS connection. While a TLS socket is paused, Deno
 * (2.9) goes on receiving into memory; this pauses the TCP socket below as well.
 */
export function keepBackPressure(socket: TLSSocket): void {
  const { _parent: tcp } = socket as NetInternals;
  socket.on("pause", () => tcp?._handle?.readStop?.());
  socket.on("resume", () => {
    // The event is asynchronous: the socket may be paused again.
    if (!socket.isPaused()) tcp?._handle?.readStart?.();
  });
}

/** The interval at which a failed accept is retried, in milliseconds. */
const REARM_MS = 1_000;

/** Returns a listening handle; a closed server of `node:net` has none. */
type GetHandle = () => Partial<StreamHandle> | null | undefined;

/** All listening sockets of this process share one timer. */
const listening = new Set<GetHandle>();
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Retries accept(2) once a second. Deno (2.9) stops polling a listening socket after
 * accept(2) or epoll_ctl(2) has failed for it, whatever the error.
 *
 * @returns A function that stops the retries. Call it before closing the handle.
 */
export function rearmAccept(handle: GetHandle): () => void {
  listening.add(handle);
  timer ??= setInterval(rearmAll, REARM_MS);
  timer.unref();
  return () => {
    listening.delete(handle);
    if (listening.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Calls {@linkcode rearmAccept} for a server while it listens. */
export function rearmServer(server: Server): void {
  server.on("listening", () => {
    const stop = rearmAccept(() => (server as NetInternals)._handle);
    server.once("close", stop);
  });
}

function rearmAll(): void {
  for (const current of listening) {
    const handle = current();
    if (handle?.readStart === undefined) continue;
    // A listening socket is never readable: `readStart` re-arms polling, which
    // retries accept(2).
    handle.onread ??= () => {};
    if (handle.readStart() === 0) handle.readStop?.();
  }
}
