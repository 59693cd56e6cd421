import type { Server, TLSSocket } from "node:tls";
import { AdoptedConn, type ChunkConn } from "./_conn.ts";
import { AdoptedListener } from "./_listener.ts";
import {
  adoptServer,
  ServerAcceptor,
  SocketTransport,
} from "./_net_transport.ts";
import { keepBackPressure } from "../runtime/node_net.ts";
import type { ListenFd } from "./environment.ts";
import type { ListenOptions } from "./listen.ts";

/** The time in which a client must complete its handshake, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Options for {@linkcode listenTls}. */
export interface ListenTlsOptions extends ListenOptions {
  /** The certificate chain, in PEM format. */
  cert: string;
  /** The private key of the certificate, in PEM format. */
  key: string;
  /** The protocols to offer by ALPN, the preferred one first. @default {[]} */
  alpnProtocols?: string[] | undefined;
}

/** A listener for TLS on an adopted socket: what `Deno.listenTls()` returns. */
export type InheritedTlsListener = Deno.Listener<
  Deno.TlsConn & ChunkConn,
  Deno.NetAddr
>;

/**
 * Adopts a listening TCP socket that the service manager passed, and serves TLS on
 * it. The listener and its connections behave as those of `Deno.listenTls()`, with
 * these differences:
 *
 * - A reset by the peer reads as an end. To detect it, use a protocol that states the
 *   length of its messages.
 * - `accept()` returns a connection after its handshake: `handshake()` resolves at
 *   once. Connections whose handshake fails, or takes longer than 10 seconds, are
 *   closed and not returned.
 * - `closeWrite()` sends close_notify. A peer that has sent close_notify still
 *   receives what is written.
 * - Also the differences of {@linkcode listen}.
 *
 * Needs no permission. Loads `node:tls` and `node:crypto` on first use.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param listenFd A result of {@linkcode listenFds}, or the number of a descriptor in
 * it.
 * @param options The certificate and its key.
 * @returns The listener, once it accepts.
 * @throws {ActivationError} As {@linkcode listen}, and for a unix socket.
 * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM format, or
 * they do not belong together.
 *
 * @example
 * ```ts
 * import { credential, listenFds, listenTls } from "@ipc/ipc";
 *
 * const [listenFd] = listenFds();
 * if (listenFd !== undefined) {
 *   const listener = await listenTls(listenFd, {
 *     cert: await credential("cert.pem"),
 *     key: await credential("key.pem"),
 *   });
 *   for await (const conn of listener) {
 *     conn.readable.pipeTo(conn.writable).catch(() => {});
 *   }
 * }
 * ```
 */
export async function listenTls(
  listenFd: number | ListenFd,
  options: ListenTlsOptions,
): Promise<InheritedTlsListener> {
  const { cert, key, alpnProtocols, backlog } = options;
  await checkCertificate(cert, key);
  const { createServer } = await import("node:tls");
  const server = createServer({
    cert,
    key,
    ALPNProtocols: alpnProtocols,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  prepareTlsServer(server);
  server.on("secureConnection", (socket) => {
    socket.allowHalfOpen = true;
    socket.pause();
  });
  await adoptServer(server, listenFd, backlog, { onlyTcp: true });
  return new AdoptedListener(
    new ServerAcceptor(
      server,
      (socket: TLSSocket) => new AdoptedTlsConn(socket),
      "secureConnection",
    ),
  );
}

/**
 * Checks that a certificate and a key are valid and belong together. Without this
 * check, `node:tls` reports the error on the first connection.
 *
 * @throws {Deno.errors.InvalidData} They are not valid, or do not belong together.
 */
export async function checkCertificate(
  cert: string,
  key: string,
): Promise<void> {
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  const certificate = parse("certificate", () => new X509Certificate(cert));
  const privateKey = parse("private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Deno.errors.InvalidData(
      "Cannot use the certificate: the private key belongs to another one",
    );
  }
}

function parse<T>(what: string, parser: () => T): T {
  try {
    return parser();
  } catch (cause) {
    const error = new Deno.errors.InvalidData(
      `Cannot parse the ${what}: it is not in PEM format`,
    );
    error.cause = cause;
    throw error;
  }
}

/**
 * Makes a TLS server close connections that fail before or during the handshake, and
 * keeps back-pressure. The server must not be created with `allowHalfOpen`: Deno (2.9)
 * then never closes a connection that ends before its handshake.
 */
export function prepareTlsServer(server: Server): void {
  // Node.js closes the socket, also after the handshake time-out; Deno (2.9) does not.
  server.on("tlsClientError", (_error, socket) => void socket.destroy());
  server.on("secureConnection", keepBackPressure);
}

/** A `Deno.TlsConn` over a socket of `node:tls` whose handshake is done. */
class AdoptedTlsConn extends AdoptedConn<Deno.NetAddr> implements Deno.TlsConn {
  readonly #alpnProtocol: string | null;

  constructor(socket: TLSSocket) {
    super(new TlsTransport(socket));
    this.#alpnProtocol = socket.alpnProtocol || null;
  }

  handshake(): Promise<Deno.TlsHandshakeInfo> {
    return Promise.resolve({ alpnProtocol: this.#alpnProtocol });
  }
}

class TlsTransport extends SocketTransport {
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    super(socket);
    this.#socket = socket;
  }

  override async write(chunk: Uint8Array): Promise<void> {
    // After the peer's end, a pending write does not keep Deno (2.9) alive: a process
    // without other work would exit before the write is done.
    const keepAlive = setInterval(() => {}, 2 ** 31 - 1);
    try {
      await super.write(chunk);
    } finally {
      clearInterval(keepAlive);
    }
  }

  override close(): void {
    // Sends close_notify; without it the peer reports a truncation attack.
    this.#socket.end();
    super.close();
  }
}
