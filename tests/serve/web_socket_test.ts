// WebSockets on adopted sockets.

import { assertEquals, assertMatch } from "@std/assert";
import { serve, upgradeWebSocket } from "../../serve/mod.ts";
import { activate, hostAndPort } from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  receive,
  receiveAll,
  receiveAllText,
  receiveUpTo,
  send,
} from "../support/peer.ts";
import { onSocket } from "./on_socket.ts";

const KINDS = ["IPv4", "unix path"] as const;

/** Starts the echo of WebSockets. */
const start = (kind: typeof KINDS[number] = "IPv4", options = {}) =>
  activate({
    kind,
    module: "tests/serve/web_socket_program.ts",
    args: [JSON.stringify({ webSocket: true, ...options })],
  });

const handshake = (path = "/echo") =>
  `GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n` +
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Protocol: test\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** A text frame of one character, masked with zeros, and its echo. */
const frame = (text: string) => [0x81, 0x81, 0, 0, 0, 0, text.charCodeAt(0)];
const echo = (text: string) => [0x81, 1, text.charCodeAt(0)];

/** Opens a WebSocket by hand, and receives one echo. */
async function open(program: { dial(): Promise<Deno.Conn> }) {
  const conn = await program.dial();
  await send(conn, handshake());
  assertMatch(await receiveUpTo(conn, "\r\n\r\n"), /^HTTP\/1\.1 101 /);
  await send(conn, new Uint8Array(frame("x")));
  assertEquals([...await receive(conn, 3)], echo("x"));
  return conn;
}

/** The frame that closes with a code, masked with zeros, and that of the server. */
const closing = (code: number) =>
  new Uint8Array([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 255]);
const closed = (code: number) => [0x88, 2, code >> 8, code & 255];

for (const kind of KINDS) {
  Deno.test(`${kind}: frames that come with the handshake are not lost`, async () => {
    await using program = await start(kind);
    const head = new TextEncoder().encode(handshake());
    for (let round = 0; round < 20; round++) {
      using conn = await program.dial();
      const frames = ["0", "1", "2"].flatMap(frame);
      await send(conn, new Uint8Array([...head, ...frames]));
      assertMatch(
        await receiveUpTo(conn, "\r\n\r\n"),
        /^HTTP\/1\.1 101 [^]*^sec-websocket-protocol: test\r$/im,
      );
      const echoes = ["0", "1", "2"].flatMap(echo);
      assertEquals([...await receive(conn, 9)], echoes);
    }
  });

  Deno.test(`${kind}: clients that disconnect after asking for an upgrade leak no descriptor`, async () => {
    await using program = await start(kind, { drainTimeoutMs: 60_000 });
    (await open(program)).close();
    const fds = `/proc/${program.pid}/fd`;
    const count = () => Deno.readDirSync(fds).toArray().length;
    const before = count();
    // Over TCP, a handler does not notice it while it prepares its response.
    const waiting = kind === "unix path" ? "/slow" : "/echo";
    for (let i = 0; i < 300; i++) {
      const conn = await program.dial();
      await send(conn, handshake(i % 3 === 2 ? waiting : "/echo"));
      if (i % 3 === 0) await receive(conn, 1);
      else if (i % 3 === 1) {
        assertMatch(await receiveUpTo(conn, "\r\n\r\n"), /^HTTP\/1\.1 101 /);
        await send(conn, closing(4_000));
        assertEquals([...await receive(conn, 4)], closed(4_000));
      }
      // With unread bytes, this is a reset.
      conn.close();
    }
    // The runtime keeps a few that it has opened on demand.
    const few = (now: number) => now <= before + 3;
    await eventually("the descriptors are closed", count, few);
    (await open(program)).close();
    program.kill("SIGTERM");
    await program.exits(0);
    if (kind !== "unix path") return;
    await program.stdout.line(/Cannot upgrade .*, or its client has gone$/);
  });

  Deno.test(`${kind}: a WebSocket prevents the idle exit, and SIGTERM sends 1001`, async () => {
    const options = { drainTimeoutMs: 500, idleTimeoutMs: 50 };
    await using program = await start(kind, options);
    using conn = await open(program);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await send(conn, new Uint8Array(frame("y")));
    assertEquals([...await receive(conn, 3)], echo("y"));
    program.kill("SIGTERM");
    assertEquals([...await receive(conn, 4)], closed(1001));
    await program.stdout.line("finished");
    await program.exits(0);
  });

  Deno.test(`${kind}: a stop also closes a WebSocket of a pending request, and cuts silent clients`, async () => {
    const [called, goOn] = [0, 1].map(() => Promise.withResolvers<void>());
    await using web = await onSocket(
      kind === "IPv4" ? "tcp" : "unix",
      (own) =>
        serve(async (request) => {
          called!.resolve();
          await goOn!.promise;
          return upgradeWebSocket(request).response;
        }, { ...own, webSocket: true, drainTimeoutMs: 1_000 }),
    );
    using conn = await web.dial();
    await send(conn, handshake().replace(/Sec-WebSocket-Protocol.*\r\n/, ""));
    await soon("the handler is called", called!.promise);
    const stopped = web.stops();
    goOn!.resolve();
    assertMatch(await receiveUpTo(conn, "\r\n\r\n"), /^HTTP\/1\.1 101 /);
    assertEquals([...await receive(conn, 4)], closed(1001));
    await stopped;
    await receiveAll(conn).catch(({ name }) =>
      assertEquals(name, "ConnectionReset")
    );
  });
}

Deno.test("a silent client is pinged, and closed when it does not answer", async () => {
  await using program = await start();
  using conn = await program.dial();
  await send(conn, handshake("/echo?idle=1"));
  await receiveUpTo(conn, "\r\n\r\n");
  assertEquals([...await receive(conn, 1)], [0x89]);
  await program.stdout.line(/^closed \d+/);
});

Deno.test("a request for an upgrade may be answered, and others are served", async () => {
  await using program = await start();
  for (
    const [text, status, body] of [
      [handshake("/"), 426, "plain"],
      [handshake("/").replace("Upgrade", "close"), 426, "plain"],
      [handshake("/twice"), 200, "Http: Already upgraded"],
      [handshake("/copy"), 200, "TypeError: Cannot upgrade .*it is a copy"],
      [handshake("/other"), 200, "none"],
    ] as const
  ) {
    using conn = await program.dial();
    await send(conn, text);
    const close = "[^]*\r\nconnection: close\r\n[^]*\r\n";
    assertMatch(
      await receiveAllText(conn),
      new RegExp(`^HTTP/1.1 ${status} ${close}${body}`),
    );
  }
  assertEquals(program.running, true);
});

for (
  const [options, line] of [
    [{ cert: CERT, key: KEY }, /its connection uses TLS; use listenServer\(\)/],
    [{ webSocket: false }, /Cannot upgrade .* webSocket option/],
  ] as const
) {
  const secure = "cert" in options;
  Deno.test(`an upgrade is refused, with the alternative, TLS: ${secure}`, async () => {
    await using program = await start(secure ? "IPv4" : "unix path", options);
    using conn = secure
      ? await Deno.connectTls({
        ...hostAndPort(program.address)!,
        caCerts: [CERT],
      })
      : await program.dial();
    await send(conn, handshake());
    assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 500 /);
    await program.stderr.line(line);
  });
}
