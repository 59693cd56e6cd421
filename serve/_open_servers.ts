import type { Server } from "node:http";
import { adoptedConn } from "../activation/_conn.ts";
import {
  acceptWithHandles,
  HandleTransport,
} from "../activation/_handle_transport.ts";
import { adoptServer, listenOn } from "../activation/_net_transport.ts";
import { httpBinding } from "../runtime/http_binding.ts";
import { requestParser } from "../runtime/request_parser.ts";
import { streamBinding } from "../runtime/stream_binding.ts";
import type { StreamHandle } from "../runtime/stream_handle.ts";
import { type Acceptor, BACKLOG } from "../activation/_transport.ts";
import { type ListenFd, listenFdsNamed } from "../activation/environment.ts";
import { ActivationError } from "../activation/errors.ts";
import type { AnswerOptions } from "./_answer.ts";
import { ListenerAcceptor, NativeServer } from "./_native_server.ts";
import type { nodeServerOpener } from "./_node_server.ts";
import type { ServeFallback, ServerOptions } from "./_run_servers.ts";
import type { ServiceServer } from "./_service_server.ts";

/** Options for {@linkcode openServers}. */
export type OpenServersOptions =
  & Pick<ServerOptions, "name" | "fallback" | "backlog">
  & { cert?: string; key?: string };

/** A service that is run by hand is not open to the network by default. */
const FALLBACK_HOSTNAME = "127.0.0.1";

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
  const { fallback, backlog = BACKLOG } = options;
  const listenFds = listenFdsNamed(options.name);
  if (listenFds.length === 0 && fallback === undefined) {
    throw new ActivationError(
      "Cannot serve: no socket was passed to this process; start it from a socket unit, or set a fallback",
      { code: "not-activated" },
    );
  }
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

  const adopt = async (listenFd: ListenFd) => {
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
  const listenAt = async (where: ServeFallback) => {
    // Deno's own listener throws its own errors, which those of `node:net` are not.
    const listener = "path" in where
      ? Deno.listen({ transport: "unix", path: where.path })
      : Deno.listen({ hostname: FALLBACK_HOSTNAME, ...where });
    if (http !== undefined && listener.addr.transport === "tcp") {
      return openNative(new ListenerAcceptor(listener as Deno.TcpListener));
    }
    listener.close();
    const { addr } = listener;
    return await openNode((server) =>
      listenOn(
        server,
        "path" in addr ? addr : { host: addr.hostname, port: addr.port },
        backlog,
      )
    );
  };

  if (listenFds.length === 0) return [await listenAt(fallback!)];
  const opened: ServiceServer[] = [];
  try {
    for (const listenFd of listenFds) opened.push(await adopt(listenFd));
  } catch (error) {
    for (const server of opened) void server.drain();
    throw error;
  }
  return opened;
}
