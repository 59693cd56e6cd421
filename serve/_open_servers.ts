import type { Server } from "node:http";
import { acceptAt, acceptOn } from "../activation/_accept.ts";
import { adoptedConn, type HandledConn } from "../activation/_conn.ts";
import {
  acceptAtWithHandles,
  acceptWithHandles,
} from "../activation/_handle_transport.ts";
import { adoptServer, listenAt } from "../activation/_net_transport.ts";
import type { Acceptor } from "../activation/_transport.ts";
import { httpBinding } from "../runtime/http_binding.ts";
import { requestParser } from "../runtime/request_parser.ts";
import {
  type ListenAddress,
  streamBinding,
} from "../runtime/stream_binding.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import type { ListenFd } from "../activation/environment.ts";
import type { AnswerOptions } from "./_answer.ts";
import { NativeServer } from "./_native_server.ts";
import type { nodeServerOpener } from "./_node_server.ts";
import { openEach } from "./_open_each.ts";
import type { ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

/** Options for {@linkcode openServers}. */
export type OpenServersOptions =
  & Pick<ServerOptions, "name" | "fallback" | "backlog">
  & { cert?: string | undefined; key?: string | undefined };

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
  const streams = needsNode ? undefined : await streamBinding();
  const http = streams && await httpBinding();
  const newParser = streams && await requestParser();
  let opener: ReturnType<typeof nodeServerOpener> | undefined;
  const openNode = async (listen: (server: Server) => Promise<void>) => {
    opener ??= import("./_node_server.ts").then(({ nodeServerOpener }) =>
      nodeServerOpener(options, answerOptions)
    );
    return (await opener)(listen);
  };
  const openNative = (acceptor: Acceptor<StreamHandle>) =>
    new NativeServer(http!, acceptor, answerOptions);
  const openParser = async (acceptor: Acceptor<HandledConn>) => {
    const { ParserServer } = await import("./_parser_server.ts");
    return new ParserServer(newParser!, acceptor, answerOptions);
  };

  const adopt = async (listenFd: ListenFd, backlog: number) => {
    const isTcp = streams?.kindOf(listenFd.fd) === "TCP";
    if (streams !== undefined && isTcp && http !== undefined) {
      return openNative(
        await acceptWithHandles(streams, listenFd, backlog, (handle) => handle),
      );
    }
    return newParser === undefined || isTcp
      ? await openNode((server) => adoptServer(server, listenFd, backlog))
      : await openParser(await acceptOn(listenFd, backlog, adoptedConn));
  };
  const open = async (where: ListenAddress, backlog: number) => {
    const isTcp = !("path" in where);
    if (streams !== undefined && isTcp && http !== undefined) {
      return openNative(
        acceptAtWithHandles(streams, where, backlog, (handle) => handle),
      );
    }
    return newParser === undefined || isTcp
      ? await openNode((server) => listenAt(server, where, backlog))
      : await openParser(await acceptAt(where, backlog, adoptedConn));
  };
  return await openEach(options, { adopt, listenAt: open });
}
