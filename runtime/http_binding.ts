import { streamBinding } from "./stream_binding.ts";
import type { StreamHandle } from "./stream_handle.ts";

/** A connection of Deno's own HTTP server. */
export interface HttpConnection {
  /** Resolves when the connection is closed. */
  readonly finished: Promise<void>;
  /**
   * Closes the connection: at once when it is idle, otherwise after its response. Over
   * HTTP/2 it sends GOAWAY, and the client may keep it open.
   */
  drain(): void;
  /** Closes the connection at once. */
  abort(): void;
  ref(): void;
  unref(): void;
}

/** The part of an `AbortSignal` that Deno uses. */
interface Signal {
  addEventListener(type: "abort", abort: () => void): void;
}

/** The undocumented part of `Deno` that its HTTP server is built on. */
interface Internals {
  serveHttpOnConnection(
    connection: Record<symbol, number>,
    signal: Signal,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    onError: (error: unknown) => Response | Promise<Response>,
    onListen: () => void,
  ): Pick<Deno.HttpServer, "finished" | "ref" | "unref">;
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

  /**
   * @param tcp The handles of accepted connections.
   * @throws {TypeError} The runtime has no HTTP server of the known shape.
   */
  constructor(internals: unknown, tcp: { prototype: object }) {
    this.#internals = internals as Internals;
    const { serveHttpOnConnection, core } = this.#internals;
    const functions = [
      ...[serveHttpOnConnection, core.resources, core.tryClose],
      ...[core.ops.op_http_cancel, Reflect.get(tcp.prototype, "takeStream")],
    ];
    if (
      typeof core.internalRidSymbol !== "symbol" ||
      functions.some((each) => typeof each !== "function")
    ) {
      throw new TypeError("The runtime's HTTP server has another shape");
    }
  }

  /**
   * Serves HTTP/1.1, or HTTP/2 with prior knowledge, on an accepted connection.
   *
   * @returns Undefined when the client has gone.
   * @throws The runtime's HTTP server has another shape.
   */
  serve(
    handle: StreamHandle,
    handler: Deno.ServeHandler<Deno.NetAddr>,
    onError: (error: unknown) => Response | Promise<Response>,
  ): HttpConnection | undefined {
    const { core, serveHttpOnConnection } = this.#internals;
    let resource: number;
    try {
      resource = handle.takeStream!();
    } finally {
      // The handle is empty now, and would stay in memory.
      handle.close();
    }
    let abort: (() => void) | undefined;
    let server;
    try {
      server = serveHttpOnConnection(
        { [core.internalRidSymbol]: resource },
        { addEventListener: (_type, listener) => abort = listener },
        handler,
        onError,
        () => {},
      );
    } catch (error) {
      core.tryClose(resource);
      if (isGone(error)) return undefined;
      throw error;
    }
    // Numbers are consecutive, and nothing else gets one in the same synchronous turn.
    const number = resource + 1;
    this.#isNumbered ??= core.resources()[number] === "http";
    if (abort === undefined || !this.#isNumbered) {
      for (const each of [resource, number]) core.tryClose(each);
      throw new TypeError("The runtime's HTTP server has another shape");
    }
    return {
      finished: server.finished.catch(() => {}),
      drain: () => ifOpen(() => core.ops.op_http_cancel(number, true)),
      abort: () => ifOpen(abort!),
      ref: () => server.ref(),
      unref: () => server.unref(),
    };
  }
}

/** Calls a function that throws for a closed connection. */
function ifOpen(call: () => void): void {
  try {
    call();
  } catch {
    // The connection is closed.
  }
}

/** Whether an error means that the client closed the connection before it was served. */
function isGone(error: unknown): boolean {
  return ["ENOTCONN", "ECONNRESET", "EINVAL", "EBADF"]
    .includes(`${(error as { code?: unknown }).code}`) ||
    error instanceof Deno.errors.NotConnected;
}

/** Returns Deno's own HTTP server; undefined when it fails validation. */
export async function httpBinding(): Promise<HttpBinding | undefined> {
  // Loads the operations of the HTTP server, too.
  await streamBinding();
  const { default: process } = await import("node:process");
  try {
    const { TCP } = (process as unknown as {
      binding(name: string): { TCP: { prototype: object } };
    }).binding("tcp_wrap");
    const internals = Reflect.get(Deno, Reflect.get(Deno, "internal"));
    return new HttpBinding(internals, TCP);
  } catch {
    return undefined;
  }
}
