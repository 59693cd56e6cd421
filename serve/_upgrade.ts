import type { HandledConn } from "../activation/_conn.ts";
import {
  NoDescriptor,
  type PendingUpgrade,
  type WebSocketBinding,
} from "../runtime/web_socket.ts";
import { RefusedRequest } from "./_handler_result.ts";

const ALTERNATIVE = "use listenServer() and a package such as ws";

/** The upgrade of a request to a WebSocket, which the handler may perform. */
export class Upgrade {
  readonly #conn: HandledConn;
  readonly #early: Uint8Array;
  readonly #binding: WebSocketBinding | undefined;
  readonly #onTaken: () => void;
  #pending: PendingUpgrade | undefined;
  /** Whether the request has its response, or the client has gone. */
  #isOver = false;

  /**
   * @param early The bytes that came after the request.
   * @param binding Undefined when the internals of the runtime are of another shape.
   * @param onTaken Called once the WebSocket has the connection, which must be closed.
   */
  constructor(
    conn: HandledConn,
    early: Uint8Array,
    binding: WebSocketBinding | undefined,
    onTaken: () => void,
  ) {
    this.#conn = conn;
    this.#early = early;
    this.#binding = binding;
    this.#onTaken = onTaken;
  }

  /**
   * Prepares the upgrade, which the response of the handler then accepts.
   *
   * @throws {TypeError} The request does not ask for a WebSocket, or its connection
   * cannot be upgraded.
   * @throws {RefusedRequest} The process has no free descriptor.
   */
  prepare(
    request: Request,
    options: Deno.UpgradeWebSocketOptions,
  ): Deno.WebSocketUpgrade {
    if (this.#isOver) {
      throw new TypeError(
        "Cannot upgrade the request: it has its response, or its client has gone",
      );
    }
    if (this.#pending !== undefined) {
      throw new Deno.errors.Http("Already upgraded");
    }
    const { handle } = this.#conn;
    if (handle === undefined) {
      throw new TypeError(
        `Cannot upgrade the request: its connection uses TLS; ${ALTERNATIVE}, or let a proxy terminate TLS`,
      );
    }
    if (this.#binding === undefined) {
      throw new TypeError(
        `Cannot upgrade the request: this version of Deno has other internals; ${ALTERNATIVE}`,
      );
    }
    try {
      this.#pending = this.#binding.upgrade(
        ...[handle, request, this.#early, options] as const,
        this.#onTaken,
      );
    } catch (error) {
      if (!(error instanceof NoDescriptor)) throw error;
      throw new RefusedRequest(503, "no descriptor is free for its WebSocket");
    }
    const { socket, response } = this.#pending;
    return { socket, response };
  }

  /** The prepared WebSocket. */
  get socket(): WebSocket | undefined {
    return this.#pending?.socket;
  }

  /** Whether a response accepts the upgrade. */
  isAcceptedBy(response: unknown): boolean {
    return this.#pending !== undefined && response instanceof Response &&
      response.status === 101;
  }

  /** Sends the head of the response, and hands the connection over to the WebSocket. */
  async accept(): Promise<void> {
    this.#isOver = true;
    const { head, open } = this.#pending!;
    await this.#conn.writeChunk(new TextEncoder().encode(head));
    if (this.#pending === undefined) return;
    this.#pending = undefined;
    open();
  }

  /** Emits an error on a prepared WebSocket, and lets the handler prepare no other. */
  refuse(error: Error): void {
    this.#isOver = true;
    this.#pending?.refuse(error);
    this.#pending = undefined;
  }
}

/** The requests that may be upgraded, while their handler runs. */
export const upgrades: WeakMap<Request, Upgrade> = new WeakMap();
