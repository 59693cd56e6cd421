import type { Server } from "node:http";
import { listenerAddr } from "../activation/_address.ts";
import { adoptServer, listenOn } from "../activation/_net_transport.ts";
import { listenFdsNamed } from "../activation/environment.ts";
import { ActivationError } from "../activation/errors.ts";
import {
  checkCertificate,
  HANDSHAKE_TIMEOUT_MS,
  prepareTlsServer,
} from "../activation/listen_tls.ts";

/** The address to listen on when the process was not activated. */
export type ServeFallback =
  | {
    /** The host name or address to listen on. @default {"127.0.0.1"} */
    hostname?: string;
    /** The TCP port; 0 for any free one. */
    port: number;
  }
  | {
    /** The path of a unix socket. It is removed when the service stops. */
    path: string;
  };

/** Options for {@linkcode openServers}. */
export interface OpenServersOptions {
  name?: string;
  fallback?: ServeFallback;
  cert?: string;
  key?: string;
  backlog?: number;
}

/** A listening server and its address. */
export interface OpenServer {
  server: Server;
  addr: Deno.NetAddr | Deno.UnixAddr;
}

/** A service that is run by hand is not open to the network by default. */
const FALLBACK_HOSTNAME = "127.0.0.1";

/** The time that a client has for its headers. */
const HEADERS_TIMEOUT_MS = 60_000;

/**
 * Opens a server on each passed socket, or on the fallback when none was passed. When
 * one fails, closes the others.
 *
 * @param prepare Called with each server before it listens and accepts.
 * @throws {ActivationError} There is no socket, or one cannot be adopted.
 */
export async function openServers(
  options: OpenServersOptions,
  prepare: (server: Server) => void,
): Promise<OpenServer[]> {
  const { fallback, backlog } = options;
  const places = listenFdsNamed(options.name).map(
    (listenFd) => (server: Server) => adoptServer(server, listenFd, backlog),
  );
  if (places.length === 0) {
    if (fallback === undefined) {
      throw new ActivationError(
        "Cannot serve: no socket was passed to this process; start it from a socket unit, or set a fallback",
      );
    }
    const where = "path" in fallback
      ? { path: fallback.path }
      : { host: fallback.hostname ?? FALLBACK_HOSTNAME, port: fallback.port };
    places.push((server) => listenOn(server, where, backlog));
  }

  const newServer = await serverFactory(options);
  using opened = new DisposableStack();
  const all: OpenServer[] = [];
  for (const listenAt of places) {
    const server = newServer();
    prepare(server);
    await listenAt(server);
    opened.defer(() => void server.close());
    all.push({ server, addr: listenerAddr(server.address()) });
  }
  opened.move();
  return all;
}

async function serverFactory(
  { cert, key }: OpenServersOptions,
): Promise<() => Server> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    // The handler decides on the time for a body.
    requestTimeout: 0,
  };
  if (cert === undefined && key === undefined) {
    const { createServer } = await import("node:http");
    return () => createServer(limits);
  }
  if (cert === undefined || key === undefined) {
    throw new TypeError("Cannot use TLS: set both cert and key");
  }
  await checkCertificate(cert, key);
  const { createServer } = await import("node:https");
  const handshakeTimeout = HANDSHAKE_TIMEOUT_MS;
  return () => {
    const server = createServer({ ...limits, cert, key, handshakeTimeout });
    prepareTlsServer(server);
    return server;
  };
}
