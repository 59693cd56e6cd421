import type { Server } from "node:http";
import { adoptedConn } from "../activation/_conn.ts";
import {
  acceptWithHandles,
  HandleTransport,
} from "../activation/_handle_transport.ts";
import {
  adoptServer,
  type ListenAddress,
  listenAt,
} from "../activation/_net_transport.ts";
import { httpBinding } from "../runtime/http_binding.ts";
import { requestParser } from "../runtime/request_parser.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import type { Acceptor } from "../activation/_transport.ts";
import type { ListenFd } from "../activation/environment.ts";
import type { AnswerOptions } from "./_answer.ts";
import { ListenerAcceptor, NativeServer } from "./_native_server.ts";
import type { nodeServerOpener } from "./_node_server.ts";
import { openEach } from "./_open_each.ts";
import type { ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

/** Options for {@linkcode openServers}. */
export type OpenServersOptions =
  & Pick<ServerOptions, "name" | "fallback" | "backlog">
  & { cert?: string; key?: string };

/**
 * Opens a server on each passed socket, or on the fallback when none was passed. When
 * one fails, closes the others.
 *
 * Deno's own HTTP server takes only TCP connections, and its TLS only new sockets.
 * The parser below `node:http` serves unix sockets; `node:http` and `node:https` the
 * others.
 *
 * @throws {ActivationError} There is no socket, or one cannot be adopted.
 */
export async function openServers(
  options: OpenServersOptions,
  answerOptions: AnswerOptions,
): Promise<ServiceServer[]> {
  const needsNode = answerOptions.secure || answerOptions.webSocket;
  const http = needsNode ? undefined : await httpBinding();
  const streams = needsNode ? undefined : await streamBinding();
  let opener: ReturnType<typeof nodeServerOpener> | undefined;
  const openNode = async (listen: (server: Server) => Promise<void>) => {
    opener ??= import("./_node_server.ts").then(({ nodeServerOpener }) =>
      nodeServerOpener(options, answerOptions)
    );
    return (await opener)(listen);
  };
  const openNative = (acceptor: Acceptor<StreamHandle | Deno.TcpConn>) =>
    new NativeServer(http!, acceptor, answerOptions);

  const adopt = async (listenFd: ListenFd, backlog: number) => {
    if (streams !== undefined) {
      const accept = <C>(wrap: (handle: StreamHandle) => C) =>
        acceptWithHandles(streams, listenFd, backlog, wrap);
      const isTcp = streams.kindOf(listenFd.fd) === "TCP";
      if (isTcp && http !== undefined) {
        return openNative(await accept((handle) => handle));
      }
      const newParser = isTcp ? undefined : await requestParser();
      if (newParser !== undefined) {
        const { ParserServer } = await import("./_parser_server.ts");
        const acceptor = await accept((handle) =>
          adoptedConn(new HandleTransport(streams, handle))
        );
        return new ParserServer(newParser, acceptor, answerOptions);
      }
    }
    return await openNode((server) => adoptServer(server, listenFd, backlog));
  };
  const open = async (where: ListenAddress, backlog: number) => {
    if (http !== undefined && !("path" in where)) {
      return openNative(new ListenerAcceptor(Deno.listen(where)));
    }
    return await openNode((server) => listenAt(server, where, backlog));
  };
  return await openEach(options, { adopt, listenAt: open });
}
