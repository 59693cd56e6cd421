import type { Server, TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { keepBackPressure, socketBelow } from "../runtime/node_net.ts";
import { TransportConn } from "./_conn.ts";
import { ServerAcceptor, SocketTransport } from "./_net_transport.ts";
import { TIMER_MAX_MS } from "./_timer.ts";

/** The time in which a client must complete its handshake, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** The same after the listener is closed, in milliseconds. */
const LAST_HANDSHAKE_MS = 250;

/** The time for the peer to take the last bytes of a closed connection, in milliseconds. */
const LAST_BYTES_MS = 1_000;

/** The certificates of a chain; the last one may be incomplete. */
const CERTIFICATES =
  /-----BEGIN CERTIFICATE-----[^]*?(?:-----END CERTIFICATE-----|$)/g;

/** A certificate and its private key. */
export interface Certificate {
  /** The certificate chain, in PEM format. */
  cert: string;
  /** The private key of the certificate, in PEM format. */
  key: string;
}

/**
 * Accepts TLS connections on a server that a callback makes listen.
 *
 * @throws {Deno.errors.InvalidData} As `listenTls()`; also the errors of `listen`.
 */
export async function acceptTls(
  { cert, key, alpnProtocols }: Certificate & {
    alpnProtocols?: string[] | undefined;
  },
  listen: (server: Server) => Promise<void>,
): Promise<TlsAcceptor> {
  await checkCertificate({ cert, key });
  const { createServer } = await import("node:tls");
  // With `allowHalfOpen`, Deno (2.9) never closes a connection that ends before its
  // handshake.
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
  await listen(server);
  return new TlsAcceptor(server);
}

/**
 * Makes a TLS server close connections that fail before or during the handshake, and
 * keeps back-pressure.
 */
export function prepareTlsServer(server: Server): void {
  // Node.js closes the socket, also after the handshake time-out; Deno (2.9) does not.
  server.on("tlsClientError", (_error, socket) => void socket.destroy());
  server.on("secureConnection", keepBackPressure);
}

/** A listening socket whose certificate can be replaced. */
export interface CertificateHolder {
  /** @throws {Deno.errors.InvalidData} As `listenTls()`. */
  setCertificate(certificate: Certificate): Promise<void>;
}

/** Accepts on a server of `node:tls`. */
export class TlsAcceptor extends ServerAcceptor<TlsTransportConn, TLSSocket>
  implements CertificateHolder {
  readonly #server: Server;
  /** The connections whose handshake is pending. */
  readonly #pending = new Set<Socket>();

  constructor(server: Server) {
    super(server, (socket) => new TlsTransportConn(socket), "secureConnection");
    this.#server = server;
    server.on("connection", (socket) => {
      this.#pending.add(socket);
      socket.once("close", () => this.#pending.delete(socket));
    });
    server.on("secureConnection", (socket) => {
      this.#pending.delete(socketBelow(socket)!);
    });
  }

  async setCertificate({ cert, key }: Certificate): Promise<void> {
    // `setSecureContext` accepts anything.
    await checkCertificate({ cert, key });
    this.#server.setSecureContext({ cert, key });
  }

  override close(): void {
    super.close();
    const timer = setTimeout(() => {
      for (const socket of this.#pending) socket.destroy();
    }, LAST_HANDSHAKE_MS);
    Deno.unrefTimer(timer);
  }
}

/**
 * Checks that a certificate and a key are valid and belong together. Without this
 * check, `node:tls` reports the error on the first connection.
 *
 * @throws {Deno.errors.InvalidData} They are not valid, or do not belong together.
 */
export async function checkCertificate(
  { cert, key }: Certificate,
): Promise<void> {
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  // `node:tls` leaves out the invalid parts of a chain, such as of a file in writing.
  const chain = parse("certificate", () =>
    (cert.match(CERTIFICATES) ?? [cert])
      .map((each) => new X509Certificate(each)));
  const privateKey = parse("private key", () => createPrivateKey(key));
  if (!chain[0]!.checkPrivateKey(privateKey)) {
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

/** A `Deno.TlsConn` over a socket of `node:tls` whose handshake is done. */
export class TlsTransportConn extends TransportConn<Deno.NetAddr>
  implements Deno.TlsConn {
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
  /** The writes that the socket had no room for. */
  #waiting = 0;

  constructor(socket: TLSSocket) {
    super(socket);
    this.#socket = socket;
  }

  /** Copies the chunk, and needs no promise, if the socket has room for it. */
  override write(chunk: Uint8Array): Promise<void> | undefined {
    const socket = this.#socket;
    const isRoom = this.#waiting === 0 && !socket.destroyed &&
      !socket.writableEnded &&
      socket.writableLength + chunk.length < socket.writableHighWaterMark;
    if (!isRoom) return this.#writeAlive(chunk);
    socket.write(new Uint8Array(chunk));
    return undefined;
  }

  async #writeAlive(chunk: Uint8Array): Promise<void> {
    // After the peer's end, a pending write does not keep Deno (2.9) alive: a process
    // without other work would exit before the write is done.
    const keepAlive = setInterval(() => {}, TIMER_MAX_MS);
    this.#waiting++;
    try {
      await super.write(chunk);
    } finally {
      this.#waiting--;
      clearInterval(keepAlive);
    }
  }

  /** Without close_notify, the peer reports a truncation. */
  reset(): void {
    this.#socket.destroy();
  }

  override close(): void {
    const socket = this.#socket;
    // Sends close_notify; without it the peer reports a truncation attack.
    socket.end();
    if (socket.writableLength === 0 || socket.destroyed) return super.close();
    const timer = setTimeout(() => super.close(), LAST_BYTES_MS);
    socket.once("finish", () => super.close());
    socket.once("close", () => clearTimeout(timer));
  }
}
