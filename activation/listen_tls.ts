import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { adoptServer } from "./adopt_server.ts";
import { AdoptedConn, type ChunkConn } from "./adopted_conn.ts";
import { AdoptedListener } from "./adopted_listener.ts";
import { checkCertificate } from "./check_certificate.ts";
import type { ListenFd } from "./environment.ts";
import type { ListenOptions } from "./listen.ts";
import { ServerAcceptor } from "./server_acceptor.ts";
import { listenerAddr } from "./socket_address.ts";
import { SocketTransport } from "./socket_transport.ts";
import { HANDSHAKE_TIMEOUT_MS, prepareTlsServer } from "./tls_server.ts";

/** Options for {@linkcode listenTls}. */
export interface ListenTlsOptions extends ListenOptions {
  /** The certificate chain, in PEM format. */
  cert: string;
  /** The private key of the certificate, in PEM format. */
  key: string;
  /** The protocols to offer by ALPN, the preferred one first; by default none. */
  alpnProtocols?: string[];
}

/** A listener for TLS on an adopted socket: what `Deno.listenTls()` returns. */
export type InheritedTlsListener = Deno.Listener<
  Deno.TlsConn & ChunkConn,
  Deno.NetAddr
>;

/**
 * Adopts a listening TCP socket that the service manager passed, and talks TLS
 * on it. The listener and its connections are as those of `Deno.listenTls()`,
 * with these differences:
 *
 * - A connection that the peer resets reads as one that ended: where that makes a
 *   difference, the protocol has to say how long a message is.
 * - A connection is accepted once its handshake is done: `handshake()` resolves
 *   at once. Peers whose handshake fails, or takes longer than 10 seconds, never
 *   show up.
 * - `closeWrite()` tells the peer that no more comes, as TLS has it; a peer that
 *   does so itself still gets an answer.
 * - The rest is as with {@linkcode listen}.
 *
 * Needs no permission. Loads `node:tls` and `node:crypto` on first use.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html | systemd.socket(5)}
 *
 * @param listenFd What {@linkcode listenFds} returned, or the number of a
 * descriptor in it.
 * @param options The certificate and its key.
 * @returns The listener, once it accepts.
 * @throws {ActivationError} As {@linkcode listen}; or the socket is not TCP.
 * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM format, or
 * they do not belong together.
 *
 * @example
 * ```ts
 * import { listenFds, listenTls } from "@ipc/ipc";
 *
 * const [listenFd] = listenFds();
 * if (listenFd !== undefined) {
 *   const credentials = Deno.env.get("CREDENTIALS_DIRECTORY");
 *   const listener = await listenTls(listenFd, {
 *     cert: await Deno.readTextFile(`${credentials}/cert.pem`),
 *     key: await Deno.readTextFile(`${credentials}/key.pem`),
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
    // A connection receives nothing before it is read.
    socket.pause();
  });
  await adoptServer(server, listenFd, backlog, { onlyTcp: true });
  return new AdoptedListener(
    new ServerAcceptor(
      server,
      (socket: TLSSocket) => new AdoptedTlsConn(socket),
      "secureConnection",
    ),
    listenerAddr(server.address() as AddressInfo),
  );
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
    // After the peer's end, Deno does not count a write as something to wait for:
    // a process with nothing else to do would end in the middle of it.
    const awake = setInterval(() => {}, 2 ** 31 - 1);
    try {
      await super.write(chunk);
    } finally {
      clearInterval(awake);
    }
  }

  override close(): void {
    // TLS has a word of farewell, without which the peer suspects an attacker.
    this.#socket.end();
    super.close();
  }
}
