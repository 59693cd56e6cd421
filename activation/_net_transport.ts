import type { Server, Socket } from "node:net";
import { listenerAddr, localAddr, remoteAddr } from "./_address.ts";
import { adoptFd, closedFd } from "./_fd_ownership.ts";
import { rearmServer } from "../runtime/rearm_accept.ts";
import { IS_UNIX_SOCKET, RefusedFdError } from "../runtime/refused_fd.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import type { ListenAddress } from "../runtime/stream_handle.ts";
import {
  type Acceptor,
  BACKLOG,
  type Sink,
  type Transport,
} from "./_transport.ts";
import type { ListenFd } from "./environment.ts";
import { socketError } from "./errors.ts";

/** Half of the time that a new socket may take to be polled, in milliseconds. */
const POLL_MS = 5;

/**
 * A connected socket of `node:net`, or of a module built on it. It must be paused
 * and allow half-open connections.
 */
export class SocketTransport implements Transport {
  readonly localAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly remoteAddr: Deno.NetAddr | Deno.UnixAddr;
  readonly #socket: Socket;
  #error: Error | undefined;
  #sink: Sink | undefined;
  /** Settles when the next write may start. */
  #lastWrite: Promise<unknown> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.localAddr = localAddr(socket);
    this.remoteAddr = remoteAddr(socket);
    // Deno (2.9) does not try a write before it has polled the socket, and reports
    // EPIPE when the peer has half-closed without sending anything.
    if (this.localAddr.transport === "tcp" && socket.bytesRead === 0) {
      this.#lastWrite = polled();
    }
    // Errors before the first `setSink` are kept for it.
    socket.on("error", (error) => this.#fail(socketError(error)));
    socket.on("close", () => this.#onClose());
  }

  setSink(sink: Sink): void {
    const socket = this.#socket;
    const isFirst = this.#sink === undefined;
    this.#sink = sink;
    if (!isFirst) return;
    if (this.#error !== undefined) return sink.onError(this.#error);
    if (socket.readableEnded) return sink.onEnd();
    if (socket.destroyed) return this.#onClose();
    socket.on("end", () => this.#sink!.onEnd());
    // Node emits a Buffer, which is slower than its base class and whose `slice()`
    // shares memory.
    socket.on("data", ({ buffer, byteOffset, length }: Uint8Array) => {
      this.#sink!.onChunk(
        new Uint8Array(buffer as ArrayBuffer, byteOffset, length),
      );
    });
    socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    const sent = this.#lastWrite === undefined
      ? this.#write(chunk)
      : this.#lastWrite.then(() => this.#write(chunk));
    this.#lastWrite = sent.catch(() => {});
    return sent;
  }

  #write(chunk: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) {
      return Promise.reject(
        new Deno.errors.BrokenPipe("Cannot write: the connection is over"),
      );
    }
    return new Promise<void>((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        if (error) reject(socketError(error));
        else resolve();
      });
    });
  }

  async shutdown(): Promise<void> {
    await this.#lastWrite;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableFinished) return;
    const ended = Promise.withResolvers<void>();
    // "close" is emitted in every case, "finish" is not.
    for (const event of ["finish", "close"]) socket.on(event, ended.resolve);
    socket.end();
    await ended.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  setNoDelay(enable: boolean): void {
    this.#socket.setNoDelay(enable);
  }

  setKeepAlive(enable: boolean): void {
    this.#socket.setKeepAlive(enable);
  }

  /** A connection that closes without an end or an error was reset by its peer. */
  #onClose(): void {
    if (this.#socket.readableEnded) return;
    this.#fail(new Deno.errors.ConnectionReset("Connection reset by peer"));
  }

  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#sink?.onError(error);
  }
}

/** Waits for a poll: on a busy machine, the first of two timers may expire before it. */
async function polled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Accepts on a server of `node:net`, or of a module built on it. */
export class ServerAcceptor<C, S extends Socket = Socket>
  implements Acceptor<C> {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  readonly #server: Server;
  /** Connections accepted before `start`. */
  readonly #queue: C[] = [];
  #onConnection = (conn: C): void => void this.#queue.push(conn);

  /** @param event The event that the server emits for each accepted connection. */
  constructor(
    server: Server,
    wrap: (socket: S) => C,
    event: "connection" | "secureConnection" = "connection",
  ) {
    this.addr = listenerAddr(server.address());
    this.#server = server;
    server.on(event, (socket: S) => this.#onConnection(wrap(socket)));
  }

  start(
    onConnection: (conn: C) => void,
    onError: (error: Error) => void,
  ): void {
    this.#onConnection = onConnection;
    for (const conn of this.#queue.splice(0)) onConnection(conn);
    this.#server.on("error", (error) => onError(socketError(error)));
  }

  close(): void {
    this.#server.close();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

/**
 * Makes a server of `node:net`, or of a module built on it, listen on a socket that
 * the service manager passed.
 *
 * @param options.onlyTcp Whether to refuse a unix socket.
 * @throws {ActivationError} As `adoptFd()`.
 */
export function adoptServer(
  server: Server,
  listenFd: number | ListenFd,
  backlog: number = BACKLOG,
  { onlyTcp = false }: { onlyTcp?: boolean } = {},
): Promise<void> {
  return adoptFd(listenFd, onlyTcp ? "listenTcp" : "listen", async (fd) => {
    const binding = await streamBinding();
    binding?.expectStreamSocket(fd, { onlyTcp });
    await listenOn(server, { fd }, backlog).catch((error) => {
      throw netRefusal(error, "it is not a listening stream socket");
    });
    server.once("close", () => closedFd(fd));
    if (onlyTcp && listenerAddr(server.address()).transport !== "tcp") {
      server.close();
      throw new RefusedFdError(IS_UNIX_SOCKET, { closed: true });
    }
  });
}

/**
 * Makes a server of `node:net`, or of a module built on it, listen on a new socket.
 *
 * @throws The errors of `Deno.listen()`, in place of those of `node:net`.
 */
export function listenAt(
  server: Server,
  where: ListenAddress,
  backlog: number,
): Promise<void> {
  const listener = denoListen(where);
  listener.close();
  const { addr } = listener;
  return listenOn(
    server,
    "path" in addr ? addr : { host: addr.hostname, port: addr.port },
    backlog,
  );
}

/** Listens by the documented API, which throws the documented errors. */
export function denoListen(
  where: ListenAddress,
): Deno.TcpListener | Deno.UnixListener {
  return "path" in where
    ? Deno.listen({ transport: "unix", path: where.path })
    : Deno.listen(where);
}

/**
 * Returns the refusal of a descriptor, for an error of `node:net` that confirms its kind;
 * the error itself otherwise.
 */
export function netRefusal(
  error: Error & { code?: string },
  reason: string,
): Error {
  switch (error.code) {
    case "ERR_INVALID_FD_TYPE":
      return new RefusedFdError(reason);
    case "EINVAL":
    case "ENOTSOCK":
      return new RefusedFdError(reason, { closed: true });
    default:
      return error;
  }
}

/** Resolves once a server listens; rejects with the error if it cannot. */
function listenOn(
  server: Server,
  where: { fd: number } | { host: string; port: number } | { path: string },
  backlog: number,
): Promise<void> {
  rearmServer(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, backlog, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
