import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import {
  type CertificateHolder,
  checkCertificate,
  HANDSHAKE_TIMEOUT_MS,
  prepareTlsServer,
} from "../activation/_tls_transport.ts";
import type { Certificate } from "../activation/listen_tls.ts";
import type { AnswerOptions } from "./_answer.ts";
import { answerMessage, type MessageOptions } from "./_answer_message.ts";
import { RefusedRequest, serviceResponse } from "./_handler_result.ts";
import { HEADERS_CHECK_MS, HEADERS_TIMEOUT_MS } from "./_http_limits.ts";
import { NodeMember } from "./_node_member.ts";
import { ClientState } from "./_request.ts";
import { CLIENT_ERRORS, REASONS } from "./_statuses.ts";

/**
 * Opens a server of `node:http` or `node:https`, which a callback makes listen. Used if
 * the runtime's internals fail validation.
 *
 * @param holders Receives the object that replaces the certificate.
 * @throws {Deno.errors.InvalidData} The certificate or the key is invalid, or they do
 * not belong together.
 */
export async function openNodeServer(
  certificate: Certificate | undefined,
  options: AnswerOptions,
  holders: CertificateHolder[],
  listen: (server: Server) => Promise<void>,
): Promise<NodeMember> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: HEADERS_CHECK_MS,
    // The handler decides on the time for a body.
    requestTimeout: 0,
  };
  let server: Server;
  if (certificate === undefined) {
    const { createServer } = await import("node:http");
    server = createServer(limits);
  } else {
    await checkCertificate(certificate);
    const { createServer } = await import("node:https");
    const handshakeTimeout = HANDSHAKE_TIMEOUT_MS;
    const secured = createServer({
      ...limits,
      ...certificate,
      handshakeTimeout,
    });
    prepareTlsServer(secured);
    holders.push({
      async setCertificate(certificate) {
        await checkCertificate(certificate);
        secured.setSecureContext(certificate);
      },
    });
    server = secured;
  }
  const member = new NodeMember(server);
  answerRequests(server, {
    ...options,
    isStopping: () => member.isStopping,
  });
  await listen(server);
  return member;
}

/** A request and its response. */
interface NodeExchange {
  message: IncomingMessage;
  outgoing: ServerResponse;
  client: ClientState;
  isStarted?: true;
}

/**
 * Answers the requests of each connection one at a time. While others wait, no more are
 * read: a client that sends without reading would fill the memory.
 */
function answerRequests(server: Server, options: MessageOptions): void {
  const open = new WeakMap<Duplex, NodeExchange[]>();

  const answerNext = (socket: Socket, exchanges: NodeExchange[]) => {
    const [next] = exchanges;
    if (next === undefined || socket.destroyed) {
      if (socket.isPaused()) socket.resume();
      return;
    }
    next.isStarted = true;
    const { message, outgoing, client } = next;
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) client.disconnect();
      exchanges.shift();
      answerNext(socket, exchanges);
    });
    void answerMessage(message, outgoing, options, client);
  };
  for (const event of ["request", "checkContinue"]) {
    server.on(event, (message: IncomingMessage, outgoing: ServerResponse) => {
      const { socket } = message;
      let exchanges = open.get(socket);
      if (exchanges === undefined) {
        const own: NodeExchange[] = exchanges = [];
        open.set(socket, own);
        socket.on("end", () => {
          if (own.length > 0) socket.destroy();
        });
      }
      const exchange = { message, outgoing, client: new ClientState() };
      if (exchanges.push(exchange) > 1) socket.pause();
      // A chunk that is malformed in the same packet is refused before the handler runs.
      else if (message.method !== "GET" && message.method !== "HEAD") {
        setImmediate(answerNext, socket, exchanges);
      } else answerNext(socket, exchanges);
    });
  }
  // Emitted for bytes that are not a request.
  server.on("clientError", (error: Error & { code?: string }, socket) => {
    const status = CLIENT_ERRORS[error.code ?? ""] ?? 400;
    const exchanges = open.get(socket);
    // The client would take this response for that to a pending request.
    const isPending = exchanges?.some(({ isStarted }) => isStarted);
    exchanges?.splice(0);
    if (!socket.writable || isPending || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const refusal = new RefusedRequest(status, error.message);
    void sendRefusal(serviceResponse(refusal), socket);
  });
}

/** Sends a response to bytes for which `node:http` has none. */
async function sendRefusal(response: Response, socket: Duplex): Promise<void> {
  const { status, headers } = response;
  const lines = [...headers, ["connection", "close"]]
    .map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\n${
      lines.join("")
    }\r\n${await response.text()}`,
  );
}
