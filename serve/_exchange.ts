/**
 * The parts of the messages of `node:http` that an answer needs. The messages of the
 * runtime's parser have no others.
 */

/** The connection of a client. */
export interface Connection {
  /** Whether the client has sent its last byte. */
  readonly readableEnded: boolean;
  // Only connections of TCP sockets have addresses.
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  destroy(): unknown;
  resetAndDestroy(): unknown;
}

/** A request. */
export interface Incoming {
  readonly method?: string | undefined;
  /** The request target. */
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Names and values, in turn. */
  readonly rawHeaders: string[];
  readonly socket: Connection;
  /** Whether all of the request has been received. */
  readonly complete: boolean;
  /** Whether all of the body has been read. */
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  read(): Uint8Array | null;
  /** Discards the body. */
  resume(): unknown;
  on(event: string, listener: () => void): unknown;
  removeAllListeners(event: string): unknown;
}

/** The response to it. */
export interface Outgoing {
  readonly req: Incoming;
  readonly headersSent: boolean;
  readonly chunkedEncoding: boolean;
  readonly destroyed: boolean;
  /** Whether `end()` was called. */
  readonly writableEnded: boolean;
  /** Whether the kernel has taken the last byte. */
  readonly writableFinished: boolean;
  /** Whether a body of another length than announced is an error. */
  strictContentLength: boolean;
  writeContinue(): unknown;
  appendHeader(name: string, value: string): unknown;
  setHeader(name: string, value: string | number): unknown;
  writeHead(status: number, reason?: string): unknown;
  flushHeaders(): unknown;
  /** Returns whether the socket has room for more; if not, "drain" follows. */
  write(bytes: Uint8Array): boolean;
  end(body?: string | Uint8Array): unknown;
  destroy(): unknown;
  on(event: string, listener: () => void): unknown;
  once(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** A request of a client and the response to it. */
export interface Exchange {
  message: Incoming;
  outgoing: Outgoing;
  /** Whether the handler runs. */
  isStarted?: true;
  /** Called when the client half-closes the connection. */
  onClientEnd?: () => void;
}
