// serveNode(): servers of node: modules in the life of a service.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import * as net from "node:net";
import { serveNode, type ServeNodeOptions } from "../../serve/mod.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { soon } from "../support/eventually.ts";
import {
  echoOf,
  receive,
  receiveAllText,
  receiveUpTo,
  send,
  sendBlocking,
} from "../support/peer.ts";
import { onSocket } from "./on_socket.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
const UPGRADE = REQUEST
  .replace("\r\n\r\n", "\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
/** The last response of a connection. */
const LAST = /^HTTP\/1\.1 200 OK\r\n[^]*^connection: close\r$[^]*^hello\n$/im;

const KINDS = ["node:http, TCP", "node:http, unix", "node:https"] as const;

const hello: http.RequestListener = (_request, response) => {
  response.end("hello\n");
};

/** Serves on a new socket. */
async function served(
  kind: typeof KINDS[number],
  listener = hello,
  options: ServeNodeOptions = {},
) {
  const secure = kind === "node:https";
  let created: http.Server;
  const create = () =>
    created = secure
      ? https.createServer({ cert: CERT, key: KEY }, listener)
      : http.createServer(listener);
  const node = await onSocket(
    kind.endsWith("unix") ? "unix" : "tcp",
    (own) => serveNode(create, { ...own, ...options }),
  );
  const { port, dial } = node;
  const where = { hostname: "localhost", port, caCerts: [CERT] };
  return Object.assign(node, {
    created: created!,
    dial: secure ? () => Deno.connectTls(where) : dial,
  });
}

for (const kind of KINDS) {
  Deno.test(`${kind}: a response that begins while stopping is the last on its connection`, async () => {
    const [called, goOn] = [0, 1].map(() => Promise.withResolvers<void>());
    await using node = await served(kind, async (_request, response) => {
      called!.resolve();
      await goOn!.promise;
      response.end("hello\n");
    });
    using conn = await node.dial();
    await send(conn, REQUEST);
    await soon("the handler is called", called!.promise);
    const stopped = node.stops();
    goOn!.resolve();
    assertMatch(await receiveAllText(conn), LAST);
    await stopped;
  });

  Deno.test(`${kind}: a stop closes idle connections, after a grace period for a request`, async () => {
    await using node = await served(kind);
    using used = await node.dial();
    using idle = await node.dial();
    for (const conn of [used, idle]) {
      await send(conn, REQUEST);
      const first = await receiveUpTo(conn, "hello\n");
      assertEquals(/\r\nconnection: close\r\n/i.test(first), false, first);
    }
    using unused = await node.dial();
    using last = await node.dial();
    // Connections are accepted in order: by then, the server has the others.
    await send(last, REQUEST);
    await receiveUpTo(last, "hello\n");
    const stopped = node.stops();
    // At the end of the grace period, a connection is read once more.
    await sendBlocking(used, REQUEST, performance.now() + 300, 300);
    assertMatch(await receiveAllText(used), LAST);
    await stopped;
    assertEquals(await receiveAllText(idle), "");
    assertEquals(await receiveAllText(unused), "");
  });

  Deno.test(`${kind}: the end of drainTimeoutMs cuts a response without end`, async () => {
    await using node = await served(kind, (_request, response) => {
      response.write("begin");
    }, { drainTimeoutMs: 50 });
    using conn = await node.dial();
    await send(conn, REQUEST);
    await receive(conn, 15);
    await node.stops();
    await receiveAllText(conn).catch(() => {});
  });
}

Deno.test("a TLS client that does not begin its handshake does not delay the stop", async () => {
  await using node = await served("node:https");
  using _conn = await Deno.connect({ port: node.port });
  await node.stops();
});

Deno.test("the end of drainTimeoutMs cuts an upgraded connection", async () => {
  const options = { drainTimeoutMs: 400 };
  await using node = await served("node:http, TCP", hello, options);
  node.created.on("upgrade", (_request, socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  });
  using conn = await node.dial();
  await send(conn, UPGRADE);
  await receiveUpTo(conn, " 101 Switching Protocols\r\n\r\n");
  const start = performance.now();
  await node.stops();
  assert(performance.now() - start > 350, "it was closed as if it were idle");
});

Deno.test("without an upgrade listener of the program, such requests are answered", async () => {
  await using node = await served("node:http, TCP");
  using conn = await node.dial();
  await send(conn, UPGRADE);
  assertMatch(await receiveUpTo(conn, "hello\n"), /^HTTP\/1\.1 200 OK\r\n/);
});

Deno.test("node:net: a connection is drained, and cut at the end of drainTimeoutMs", async () => {
  const create = () =>
    net.createServer((socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    });
  await using node = await onSocket(
    "tcp",
    (own) => serveNode(create, { ...own, drainTimeoutMs: 1_000 }),
  );
  using ending = await node.dial();
  using open = await node.dial();
  assertEquals(await echoOf(ending, "a"), "a");
  assertEquals(await echoOf(open, "b"), "b");
  const stopped = node.stops();
  assertEquals(await echoOf(ending, "c"), "c");
  await ending.closeWrite();
  assertEquals(await receiveAllText(ending), "");
  await stopped;
  await receiveAllText(open).catch(() => {});
  const { ConnectionRefused } = Deno.errors;
  await assertRejects(node.dial, ConnectionRefused);
});

Deno.test("node:http2: a stream is drained, then its session is closed", async () => {
  const handler = Promise.withResolvers<http2.ServerHttp2Stream>();
  const create = () => http2.createServer().on("stream", handler.resolve);
  await using node = await onSocket("tcp", (own) => serveNode(create, own));
  const client = http2.connect(`http://127.0.0.1:${node.port}`);
  const closed = new Promise<void>((resolve) => client.on("close", resolve));
  const request = client.request({ ":path": "/" }).end();
  const body = Array.fromAsync(request.setEncoding("utf8"));
  const stream = await soon("the request has arrived", handler.promise);
  const stopped = node.stops();
  stream.respond({ ":status": 200 });
  stream.end("hello\n");
  const chunks = await soon("the response has arrived", body);
  assertEquals(chunks.join(""), "hello\n");
  await stopped;
  client.close();
  await soon("the session is closed", closed);
});
