import type { Server } from "node:net";
import { adoptedConn, type HandledConn } from "../activation/_conn.ts";
import {
  acceptAtWithHandles,
  acceptWithHandles,
  HandleTransport,
} from "../activation/_handle_transport.ts";
import { adoptServer, listenAt } from "../activation/_net_transport.ts";
import {
  acceptTls,
  type CertificateHolder,
} from "../activation/_tls_transport.ts";
import type { Acceptor } from "../activation/_transport.ts";
import type { Certificate } from "../activation/listen_tls.ts";
import { httpBinding } from "../runtime/http_binding.ts";
import { requestParser } from "../runtime/request_parser.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import { webSocketBinding } from "../runtime/web_socket.ts";
import type { AnswerOptions } from "./_answer.ts";
import { NativeServer } from "./_native_server.ts";
import { openEach } from "./_open_each.ts";
import { ParserServer } from "./_parser_server.ts";
import type { ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

type CertificateOptions = { [name in keyof Certificate]?: string | undefined };

/** One socket, which is adopted or bound in one of two ways. */
interface SocketSource {
  isTcp: boolean;
  accept<C>(wrap: (handle: StreamHandle) => C): Promise<Acceptor<C>>;
  /** Makes a server of `node:net`, or of a module built on it, listen. */
  listen(server: Server): Promise<void>;
}

/**
 * Opens a server on each passed socket, or on the fallback when none was passed. When
 * one fails, closes the others.
 *
 * Deno's own HTTP server takes TCP connections without TLS. The parser below
 * `node:http` serves all others, and all services with WebSockets. `node:http` itself
 * serves all sockets if the runtime's internals fail validation.
 *
 * @param holders Receives an object that replaces the certificate of each socket.
 * @throws {ActivationError} There is no socket, or one cannot be adopted.
 */
export async function openServers(
  options: ServerOptions & CertificateOptions,
  answerOptions: AnswerOptions,
  holders: CertificateHolder[],
): Promise<ServiceServer[]> {
  const { secure, webSocket } = answerOptions;
  const certificate = secure ? certificateOf(options) : undefined;
  const streams = await streamBinding();
  const http = await httpBinding();
  const newParser = streams && await requestParser();
  const webSockets = webSocket ? await webSocketBinding() : undefined;

  const open = async ({ isTcp, accept, listen }: SocketSource) => {
    if (streams === undefined || newParser === undefined) {
      const { openNodeServer } = await import("./_node_server.ts");
      return await openNodeServer(certificate, answerOptions, holders, listen);
    }
    if (isTcp && http !== undefined && !secure && !webSocket) {
      const acceptor = await accept((handle) => handle);
      return new NativeServer(http, acceptor, answerOptions);
    }
    let acceptor: Acceptor<HandledConn>;
    if (certificate !== undefined) {
      const secured = await acceptTls(certificate, listen);
      holders.push(secured);
      acceptor = secured;
    } else {
      acceptor = await accept((handle) =>
        adoptedConn(new HandleTransport(streams, handle))
      );
    }
    return new ParserServer(newParser, acceptor, answerOptions, webSockets);
  };

  return await openEach(options, {
    adopt: (listenFd, backlog) =>
      open({
        isTcp: streams?.kindOf(listenFd.fd) === "TCP",
        accept: (wrap) => acceptWithHandles(streams!, listenFd, backlog, wrap),
        listen: (server) => adoptServer(server, listenFd, backlog),
      }),
    listenAt: (where, backlog) =>
      open({
        isTcp: !("path" in where),
        accept: (wrap) =>
          Promise.resolve(acceptAtWithHandles(streams!, where, backlog, wrap)),
        listen: (server) => listenAt(server, where, backlog),
      }),
  });
}

/** @throws {TypeError} Only one of the certificate and its key is given. */
function certificateOf({ cert, key }: CertificateOptions): Certificate {
  if (cert !== undefined && key !== undefined) return { cert, key };
  throw new TypeError("Cannot use TLS: set both cert and key");
}
