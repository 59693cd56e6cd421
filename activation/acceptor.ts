/** What accepts the connections of an adopted socket. */
export interface Acceptor<C> {
  /** Whom to tell of each connection, and of what kept one from coming. */
  start(
    onConnection: (conn: C) => void,
    onError: (error: Error) => void,
  ): void;
  /** Leaves what connects from now on to the kernel. */
  close(): void;
  ref(): void;
  unref(): void;
}
