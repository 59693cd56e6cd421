import type { ChunkConn } from "./_conn.ts";
import { AcceptorListener } from "./_listener.ts";
import { adoptServer } from "./_net_transport.ts";
import {
  acceptTls,
  type Certificate,
  type TlsAcceptor,
  type TlsTransportConn,
} from "./_tls_transport.ts";
import type { ListenFd } from "./environment.ts";
import type { ListenOptions } from "./listen.ts";

export type { Certificate };

/** Options for {@linkcode listenTls}. */
export interface ListenTlsOptions extends ListenOptions, Certificate {
  /** The protocols to offer by ALPN, the preferred one first. @default {[]} */
  alpnProtocols?: string[] | undefined;
}

/** A listener for TLS on an adopted socket: what `Deno.listenTls()` returns. */
export interface AdoptedTlsListener
  extends Deno.Listener<Deno.TlsConn & ChunkConn, Deno.NetAddr> {
  /**
   * Replaces the certificate: handshakes use it from then on, and connections stay.
   *
   * @throws {Deno.errors.InvalidData} The certificate or the key is not in PEM format,
   * or they do not belong together. The listener keeps its certificate.
   */
  setCertificate(certificate: Certificate): Promise<void>;
}

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
): Promise<AdoptedTlsListener> {
  const acceptor = await acceptTls(
    options,
    (server) =>
      adoptServer(server, listenFd, options.backlog, { onlyTcp: true }),
  );
  return new TlsAcceptorListener(acceptor);
}

class TlsAcceptorListener
  extends AcceptorListener<TlsTransportConn, Deno.NetAddr>
  implements AdoptedTlsListener {
  readonly #acceptor: TlsAcceptor;

  constructor(acceptor: TlsAcceptor) {
    super(acceptor);
    this.#acceptor = acceptor;
  }

  setCertificate(certificate: Certificate): Promise<void> {
    return this.#acceptor.setCertificate(certificate);
  }
}
