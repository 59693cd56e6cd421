import type { ServeInfo } from "./serve_handler.ts";

/** The second argument of a handler. Its values are made on demand. */
export class ExchangeInfo implements ServeInfo {
  readonly #conn: { readonly remoteAddr: Deno.Addr };
  #completed: PromiseWithResolvers<void> | undefined;
  #isSent: boolean | undefined;

  constructor(conn: { readonly remoteAddr: Deno.Addr }) {
    this.#conn = conn;
  }

  get remoteAddr(): Deno.NetAddr | Deno.UnixAddr {
    return this.#conn.remoteAddr as Deno.NetAddr | Deno.UnixAddr;
  }

  get completed(): Promise<void> {
    if (this.#completed === undefined) {
      this.#completed = Promise.withResolvers();
      this.#completed.promise.catch(() => {});
      if (this.#isSent !== undefined) this.complete(this.#isSent);
    }
    return this.#completed.promise;
  }

  /** Settles `completed`. */
  complete(isSent: boolean): void {
    this.#isSent = isSent;
    if (isSent) this.#completed?.resolve();
    else this.#completed?.reject(clientGone());
  }
}

/** Returns the error of a response whose client has gone. */
export function clientGone(): Error {
  return new Deno.errors.Interrupted("The client has gone");
}
