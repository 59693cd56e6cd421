import { streamBinding } from "./stream_binding.ts";
import type { StreamHandle } from "./stream_handle.ts";

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
