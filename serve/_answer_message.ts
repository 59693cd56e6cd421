import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout } from "node:timers";
import { remoteAddr } from "../activation/_address.ts";
import { takeResponse } from "../runtime/fetch_objects.ts";
import type { AnswerOptions } from "./_answer.ts";
import { clientGone, ExchangeInfo } from "./_exchange_info.ts";
import { bodyTooLong, respondTo, serviceResponse } from "./_handler_result.ts";
import { LINGER_MS } from "./_http_limits.ts";
import { type ClientState, readHeaders, toRequest } from "./_request.ts";
import { HOP_BY_HOP, isAvailable, type Read, toBytes } from "./_response.ts";

/** The bytes of a body that are read before the head is sent. */
const READY_BYTES_MAX = 64 * 1024;

/** Options for {@linkcode answerMessage}. */
export interface MessageOptions extends AnswerOptions {
  /** Whether the service is stopping: each response is then the last on its connection. */
  isStopping: () => boolean;
}

/**
 * Answers a request of `node:http`, from its head to the last byte of the response.
 * Never throws.
 */
export async function answerMessage(
  message: IncomingMessage,
  outgoing: ServerResponse,
  options: MessageOptions,
  client: ClientState,
): Promise<void> {
  const { method = "", url = "", httpVersion, rawHeaders, socket } = message;
  const head = { method, url, httpVersion, rawHeaders };
  const info = new ExchangeInfo({ remoteAddr: remoteAddr(socket) });
  outgoing.once("close", () => info.complete(outgoing.writableFinished));
  let request: Request | undefined;
  const send = async (response: Response, isLast: boolean) => {
    try {
      await sendByNode(response, outgoing, client, isLast);
    } catch (error) {
      if (client.isGone) return;
      const answer = serviceResponse(error, request);
      if (outgoing.headersSent) return void socket.destroy();
      for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
      await sendByNode(answer, outgoing, client, true).catch(() => {});
    }
  };
  let awaitsContinue = false;
  try {
    const headers = readHeaders(head, options);
    awaitsContinue = headers.expectsContinue;
    request = toRequest(head, headers, {
      secure: options.secure,
      client,
      body: () =>
        messageBody(message, options.maxBodyBytes, () => {
          if (awaitsContinue && !outgoing.headersSent) outgoing.writeContinue();
          awaitsContinue = false;
        }),
    });
  } catch (error) {
    return await send(serviceResponse(error), true);
  }
  const response = await respondTo(request, info, options);
  if (client.isGone) {
    return void response.body?.cancel(clientGone()).catch(() => {});
  }
  const isLast = options.isStopping() || awaitsContinue ||
    message.headers.upgrade !== undefined;
  await send(response, isLast);
  // Without this, the next request on the connection would not be read.
  message.removeAllListeners("readable");
  message.resume();
  if (message.complete) return;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  Deno.unrefTimer(timer);
  message.once("end", () => clearTimeout(timer));
}

async function sendByNode(
  response: Response,
  outgoing: ServerResponse,
  client: ClientState,
  isLast: boolean,
): Promise<void> {
  const { headers, body, isDecoded } = takeResponse(response);
  const isHead = outgoing.req.method === "HEAD";
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (key === "connection") isLast ||= /\bclose\b/i.test(value);
    const isLength = key === "content-length" &&
      (isDecoded || !isHead && body !== undefined || !/^\d{1,15}$/.test(value));
    const isCoding = isDecoded && key === "content-encoding";
    if (!HOP_BY_HOP.has(key) && !isLength && !isCoding) {
      outgoing.appendHeader(name, value);
    }
  }
  if (isLast) outgoing.setHeader("connection", "close");
  outgoing.strictContentLength = true;
  outgoing.statusCode = response.status;
  if (body !== undefined || response.body === null) {
    return endWith(new Blob([body ?? ""]), outgoing);
  }
  const reader = response.body.getReader();
  const cancel = (reason?: Error) => reader.cancel(reason).catch(() => {});
  client.onDisconnect(() => cancel(clientGone()));
  try {
    await sendChunks(reader, outgoing, client);
  } finally {
    cancel();
  }
}

async function endWith(body: Blob, outgoing: ServerResponse): Promise<void> {
  if (outgoing.req.method !== "HEAD") outgoing.end(await body.bytes());
  else {
    if (!outgoing.hasHeader("content-length")) {
      outgoing.setHeader("content-length", body.size);
    }
    outgoing.end();
  }
}

async function sendChunks(
  reader: ReadableStreamDefaultReader<unknown>,
  outgoing: ServerResponse,
  client: ClientState,
): Promise<void> {
  const ready: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let reading = reader.read();
  // A short body is a stream of one chunk, when the internals of responses are unknown.
  while (bytes < READY_BYTES_MAX && await isAvailable(reading)) {
    const chunk = await reading;
    if (chunk.done) return await endWith(new Blob(ready), outgoing);
    ready.push(toBytes(chunk));
    bytes += ready.at(-1)!.length;
    reading = reader.read();
  }
  if (outgoing.req.method === "HEAD") return void outgoing.end();
  // Sends the head. Over TLS, `flushHeaders()` may lose the rest (Deno 2.9).
  outgoing.write("");
  for (const chunk of ready) await written(outgoing, chunk);
  for (let chunk: Read; !(chunk = await reading).done && !client.isGone;) {
    await written(outgoing, toBytes(chunk));
    reading = reader.read();
  }
  outgoing.end();
}

/**
 * Writes a part of a body. Resolves when the kernel has it, or the response is closed:
 * over TLS, Deno (2.9) may lose the end of a response that ends before.
 */
function written(outgoing: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      outgoing.off("close", settle);
      resolve();
    };
    outgoing.on("close", settle);
    outgoing.write(bytes, settle);
  });
}

/** Reads a message only when pulled: until then, the client waits. */
function messageBody(
  message: IncomingMessage,
  maxBytes: number,
  onFirstRead: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = message[Symbol.asyncIterator]();
  let received = 0;
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      if (received === 0) onFirstRead();
      const { done, value } = await chunks.next();
      if (done) {
        controller.close();
        controller.byobRequest?.respond(0);
        return;
      }
      received += value.length;
      if (received > maxBytes) throw bodyTooLong(maxBytes);
      controller.enqueue(new Uint8Array(value));
    },
  });
}
