import {
  rearmAccept,
  type ServerHandle,
  type StreamBinding,
} from "./_runtime.ts";
import type { Acceptor } from "./acceptor.ts";
import { handleAddr } from "./handle_addr.ts";
import { HandleTransport } from "./handle_transport.ts";
import type { Transport } from "./transport.ts";

/** Accepts on a listening socket of the runtime's event loop. */
export class HandleAcceptor<C> implements Acceptor<C> {
  readonly #handle: ServerHandle;
  readonly #endRearming: () => void;
  /** Accepted before `start`. */
  readonly #early: C[] = [];
  readonly #wrap: (transport: Transport) => C;
  #onConnection = (conn: C): void => void this.#early.push(conn);

  /** @throws {Error} The handle is not a listening stream socket. */
  constructor(
    binding: StreamBinding,
    handle: ServerHandle,
    backlog: number,
    wrap: (transport: Transport) => C,
  ) {
    this.#wrap = wrap;
    this.#handle = handle;
    binding.listen(handle, backlog, (accepted) => {
      this.#onConnection(this.#wrap(new HandleTransport(binding, accepted)));
    });
    this.#endRearming = rearmAccept(() => handle);
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
  }

  ref(): void {
    this.#handle.ref();
  }

  unref(): void {
    this.#handle.unref();
  }
}
