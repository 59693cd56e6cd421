// serveNode(): servers of node: modules in the life of a service.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import { serveNode, type ServeNodeOptions } from "../../serve/mod.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import { echoOf, receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
const OK = /^HTTP\/1\.1 200 OK\r\n/;

/** Answers when `answer` is called; by default at once. */
class Handler {
  readonly called = Promise.withResolvers<void>();
  readonly answer = Promise.withResolvers<void>();

  readonly listener: http.RequestListener = async (_request, response) => {
    this.called.resolve();
    await this.answer.promise;
    response.end("hello\n");
  };
}

const KINDS = [
  ["node:http, TCP", false, "tcp"],
  ["node:http, unix", false, "unix"],
  ["node:https", true, "tcp"],
] as const;

/** Serves a handler, and returns how to connect. */
async function served(
  [, secure, transport]: (typeof KINDS)[number],
  listener: http.RequestListener,
  options: ServeNodeOptions = {},
) {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(new TempDir());
  const path = directory.join("socket");
  const servers: http.Server[] = [];
  const server = await serveNode(() => {
    const created = secure
      ? https.createServer({ cert: CERT, key: KEY }, listener)
      : http.createServer(listener);
    servers.push(created);
    return created;
  }, {
    fallback: transport === "unix" ? { path } : { port: 0 },
    drainTimeoutMs: 60_000,
    notify: false,
    ...options,
  });
  stack.defer(() => server.shutdown());
  const { port } = server.addr as Deno.NetAddr;
  const dial = (): Promise<Deno.Conn> => {
    if (transport === "unix") {
      return Deno.connect({ transport: "unix", path });
    }
    return secure
      ? Deno.connectTls({
        hostname: "localhost",
        port: port,
        caCerts: [CERT],
      })
      : Deno.connect({ port: port });
  };
  return {
    server,
    servers,
    dial,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** Sends a request, and receives a response with the body "hello\n". */
async function ask(conn: Deno.Conn): Promise<string> {
  await send(conn, REQUEST);
  return await receiveResponse(conn);
}

async function receiveResponse(conn: Deno.Conn): Promise<string> {
  let text = "";
  while (!text.endsWith("hello\n")) {
    const bytes = await receive(conn, 1);
    if (bytes.length === 0) throw new Error(`it ends after "${text}"`);
    text += new TextDecoder().decode(bytes);
  }
  return text;
}

for (const kind of KINDS) {
  const [name] = kind;

  Deno.test(`${name}: a response that begins while stopping is the last on its connection`, async () => {
    const handler = new Handler();
    await using node = await served(kind, handler.listener);
    using conn = await node.dial();
    await send(conn, REQUEST);
    await soon("the handler is called", handler.called.promise);
    const stopped = node.server.shutdown();
    handler.answer.resolve();
    const response = await receiveAllText(conn);
    assertMatch(response, OK);
    assertMatch(response, /\r\nconnection: close\r\n/i);
    await soon("the server has stopped", stopped);
  });

  Deno.test(`${name}: a kept-alive connection answers a request within the grace period`, async () => {
    const handler = new Handler();
    handler.answer.resolve();
    await using node = await served(kind, handler.listener);
    using conn = await node.dial();
    const first = await ask(conn);
    assertEquals(/\r\nconnection: close\r\n/i.test(first), false);
    const stopped = node.server.shutdown();
    await send(conn, REQUEST);
    const second = await receiveAllText(conn);
    assertMatch(second, OK);
    assertMatch(second, /\r\nconnection: close\r\n/i);
    await soon("the server has stopped", stopped);
  });

  Deno.test(`${name}: idle connections, and those without a request, do not hold the stop`, async () => {
    const handler = new Handler();
    handler.answer.resolve();
    await using node = await served(kind, handler.listener);
    using used = await node.dial();
    await ask(used);
    using unused = await node.dial();
    using other = await node.dial();
    await ask(other);
    await soon("the server has stopped", node.server.shutdown());
    assertEquals(await receiveAllText(used), "");
    assertEquals(await receiveAllText(unused), "");
  });

  Deno.test(`${name}: the end of drainTimeoutMs cuts a response without end`, async () => {
    await using node = await served(kind, (_request, response) => {
      response.write("begin");
    }, { drainTimeoutMs: 50 });
    using conn = await node.dial();
    await send(conn, REQUEST);
    await receive(conn, 15);
    await soon("the server has stopped", node.server.shutdown());
    await receiveAllText(conn).catch(() => {});
  });
}

Deno.test("a TLS client that does not begin its handshake does not hold the stop", async () => {
  const handler = new Handler();
  await using node = await served(KINDS[2], handler.listener);
  using _conn = await Deno.connect({
    port: (node.server.addr as Deno.NetAddr).port,
  });
  await soon("the server has stopped", node.server.shutdown());
});

Deno.test("the end of drainTimeoutMs cuts an upgraded connection", async () => {
  const handler = new Handler();
  await using node = await served(KINDS[0], handler.listener, {
    drainTimeoutMs: 400,
  });
  const upgraded = Promise.withResolvers<void>();
  node.servers[0]!.on("upgrade", (_request, socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    upgraded.resolve();
  });
  using conn = await node.dial();
  await send(
    conn,
    "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
  );
  await soon("it is upgraded", upgraded.promise);
  assertMatch(new TextDecoder().decode(await receive(conn, 12)), / 101$/);
  const start = performance.now();
  await soon("the server has stopped", node.server.shutdown());
  assert(performance.now() - start > 350, "it was closed as if it were idle");
});

Deno.test("without an upgrade listener of the program, such requests are answered", async () => {
  const handler = new Handler();
  handler.answer.resolve();
  await using node = await served(KINDS[0], handler.listener);
  using conn = await node.dial();
  await send(
    conn,
    "GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
  );
  assertMatch(await receiveResponse(conn), OK);
});

Deno.test("node:net: a connection is drained, and cut at the end of drainTimeoutMs", async () => {
  const server = await serveNode(
    () =>
      net.createServer((socket) => {
        socket.on("error", () => {});
        socket.pipe(socket);
      }),
    { fallback: { port: 0 }, drainTimeoutMs: 200, notify: false },
  );
  const { port } = server.addr as Deno.NetAddr;
  using ending = await Deno.connect({ port });
  using open = await Deno.connect({ port });
  assertEquals(await echoOf(ending, "a"), "a");
  assertEquals(await echoOf(open, "b"), "b");
  const stopped = server.shutdown();
  assertEquals(await echoOf(ending, "c"), "c");
  await ending.closeWrite();
  assertEquals(await receiveAllText(ending), "");
  await soon("the server has stopped", stopped);
  await receiveAllText(open).catch(() => {});
  await assertRejects(
    () => Deno.connect({ port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("node:http2: a stream is drained, then its session is closed", async () => {
  const handler = Promise.withResolvers<http2.ServerHttp2Stream>();
  const server = await serveNode(() => {
    const created = http2.createServer();
    created.on("stream", (stream) => handler.resolve(stream));
    return created;
  }, { fallback: { port: 0 }, drainTimeoutMs: 60_000, notify: false });
  const { port } = server.addr as Deno.NetAddr;
  const client = http2.connect(`http://127.0.0.1:${port}`);
  const request = client.request({ ":path": "/" });
  const closed = new Promise<void>((resolve) => client.on("close", resolve));
  let body = "";
  request.on("data", (chunk) => body += chunk);
  const ended = new Promise<void>((resolve) => request.on("end", resolve));
  request.end();
  const stream = await soon("the request has come", handler.promise);
  const stopped = server.shutdown();
  stream.respond({ ":status": 200 });
  stream.end("hello\n");
  await soon("the response has come", ended);
  assertEquals(body, "hello\n");
  await soon("the server has stopped", stopped);
  client.close();
  await soon("the session is closed", closed);
});
