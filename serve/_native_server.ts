import type { HttpBinding, HttpConnection } from "../runtime/http_binding.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import type { Acceptor } from "../activation/_transport.ts";
import { checked, failureResponse, type HandlerOptions } from "./_handler.ts";
import {
  FIRST_REQUEST_MS,
  type ServiceServer,
  type ServiceServerEvents,
} from "./_service_server.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** The pause after accept(2) has failed, in milliseconds. */
const RETRY_MS = 1_000;

const NO_ARGUMENTS = [] as unknown as Parameters<ServeHandler>;

/** A connection, and whether its client has sent a request. */
type Connection = HttpConnection & { isUsed: boolean };

/** Serves the connections of a TCP socket by Deno's own HTTP server. */
export class NativeServer implements ServiceServer {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #binding: HttpBinding;
  readonly #acceptor: Acceptor<StreamHandle | Deno.TcpConn>;
  readonly #options: HandlerOptions;
  readonly #connections = new Set<Connection>();
  #onChange = (): void => {};
  #isRef = true;

  constructor(
    binding: HttpBinding,
    acceptor: Acceptor<StreamHandle | Deno.TcpConn>,
    options: HandlerOptions,
  ) {
    this.addr = acceptor.addr;
    this.#binding = binding;
    this.#acceptor = acceptor;
    this.#options = options;
  }

  get connections(): number {
    return this.#connections.size;
  }

  start(events: ServiceServerEvents): void {
    this.#onChange = events.onChange;
    this.#acceptor.start((conn) => {
      try {
        this.#serve(this.#binding.resourceOf(conn));
      } catch {
        // The client has gone.
      }
    }, events.onAcceptError);
  }

  async drain(): Promise<void> {
    this.#acceptor.close();
    const drainAll = () => this.#connections.forEach((each) => each.drain());
    for (const each of this.#connections) if (each.isUsed) each.drain();
    const timer = setTimeout(drainAll, FIRST_REQUEST_MS);
    await Promise.all([...this.#connections].map((each) => each.finished));
    clearTimeout(timer);
  }

  abort(): void {
    this.#connections.forEach((each) => each.abort());
  }

  ref(): void {
    this.#setRef(true);
  }

  unref(): void {
    this.#setRef(false);
  }

  #setRef(isRef: boolean): void {
    this.#isRef = isRef;
    const method = isRef ? "ref" : "unref";
    this.#acceptor[method]();
    this.#connections.forEach((each) => each[method]());
  }

  /** Deno 2.9.4 and older exit when a promise has no valid response. */
  async #settled(
    response: Response | Promise<Response>,
    request: Request,
  ): Promise<Response> {
    try {
      return checked(await response);
    } catch (error) {
      return await failureResponse(error, this.#options, request);
    }
  }

  #serve(resource: number): void {
    const { handler, isStopping } = this.#options;
    const observed: ServeHandler = (request, info) => {
      connection.isUsed = true;
      if (isStopping()) connection.drain();
      try {
        const response = handler(request, info);
        // Deno checks a response itself, but accepts an upgrade, which it then closes.
        return response instanceof Response && response.status !== 101
          ? response
          : this.#settled(response, request);
      } catch (error) {
        return failureResponse(error, this.#options, request);
      }
    };
    const connection: Connection = {
      ...this.#binding.serve(
        resource,
        // Deno creates no request for a handler without parameters.
        handler.length === 0 ? () => observed(...NO_ARGUMENTS) : observed,
        (error) => failureResponse(error, this.#options),
      ),
      isUsed: false,
    };
    if (!this.#isRef) connection.unref();
    this.#connections.add(connection);
    this.#onChange();
    connection.finished.then(() => {
      this.#connections.delete(connection);
      this.#onChange();
    });
  }
}

/** Accepts on a listener that this process has opened. */
export class ListenerAcceptor implements Acceptor<Deno.TcpConn> {
  readonly #listener: Deno.TcpListener;
  #isClosed = false;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  get addr(): Deno.NetAddr {
    return this.#listener.addr;
  }

  async start(
    onConnection: (conn: Deno.TcpConn) => void,
    onError: (error: Error) => void,
  ): Promise<void> {
    while (!this.#isClosed) {
      try {
        onConnection(await this.#listener.accept());
      } catch (error) {
        if (this.#isClosed) return;
        onError(error as Error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}
