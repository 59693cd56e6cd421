import {
  rearmAccept,
  type ServerHandle,
  type StreamBinding,
  type StreamHandle,
} from "./_runtime.ts";
import type { Acceptor } from "./acceptor.ts";
import { handleAddr } from "./handle_addr.ts";
import { HandleTransport } from "./handle_transport.ts";
import type { Transport } from "./transport.ts";

/** Accepts on a listening socket of the runtime's event loop. */
export class HandleAcceptor<C> implements Acceptor<C> {
  readonly #handle: ServerHandle;
  readonly #endRearming: () => void;
  readonly #onClosed: () => void;
  /** Accepted before `start`. */
  readonly #early: C[] = [];
  #onConnection = (conn: C): void => void this.#early.push(conn);

  /** @param listen Opens the socket, and calls back with each connection. */
  constructor(
    binding: StreamBinding,
    listen: (onConnection: (handle: StreamHandle) => void) => ServerHandle,
    wrap: (transport: Transport) => C,
    onClosed: () => void = () => {},
  ) {
    this.#onClosed = onClosed;
    this.#handle = listen((accepted) => {
      this.#onConnection(wrap(new HandleTransport(binding, accepted)));
    });
    this.#endRearming = rearmAccept(() => this.#handle);
  }

  /** Where it listens; of a unix socket, this is not known. */
  get addr(): Deno.NetAddr | Deno.UnixAddr {
    return handleAddr(this.#handle, "getsockname");
  }

  start(onConnection: (conn: C) => void): void {
    this.#onConnection = onConnection;
    for (const conn of this.#early.splice(0)) onConnection(conn);
  }

  close(): void {
    this.#endRearming();
    this.#handle.close();
    this.#onClosed();
  }

  ref(): void {
    this.#handle.ref();
  }

  unref(): void {
    this.#handle.unref();
  }
}
