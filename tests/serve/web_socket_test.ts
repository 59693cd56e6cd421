// WebSockets on adopted sockets.

import { assertEquals, assertMatch } from "@std/assert";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  freePorts,
} from "../support/activate.ts";
import { CERT, KEY } from "../support/certificate.ts";
import { eventually, soon } from "../support/eventually.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const SETTINGS = {
  module: "tests/serve/web_socket_program.ts",
  allow: [ALLOW_ACTIVATION],
};

const TRANSPORTS = ["TCP", "unix"] as const;

/** Starts the echo of WebSockets on a socket of its own. */
async function activated(
  transport: typeof TRANSPORTS[number] = "TCP",
  options = {},
) {
  const directory = new TempDir();
  const [port] = freePorts("127.0.0.1", 1);
  const address = transport === "TCP"
    ? `127.0.0.1:${port}`
    : directory.join("web.socket");
  const program = await activate({
    ...SETTINGS,
    addresses: [address],
    args: [JSON.stringify({ webSocket: true, ...options })],
  });
  const dispose = program[Symbol.asyncDispose].bind(program);
  program[Symbol.asyncDispose] = async () => {
    await dispose();
    directory[Symbol.dispose]();
  };
  return { program, address };
}

const HANDSHAKE = [
  "GET /echo HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n",
  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
  "Sec-WebSocket-Protocol: test\r\n",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
].join("");

/** A client whose events are promises. */
class Client {
  readonly socket: WebSocket;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<number>;
  readonly messages: string[] = [];
  #wanted = 0;
  #received = Promise.withResolvers<void>();

  constructor(address: string) {
    this.socket = new WebSocket(`ws://${address}/echo`, "test");
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = reject;
    });
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code }) => resolve(code);
    });
    this.socket.onmessage = ({ data }) => {
      if (this.messages.push(data) === this.#wanted) this.#received.resolve();
    };
  }

  /** Sends messages, and waits for as many. */
  async echo(messages: string[]): Promise<void> {
    this.#wanted = this.messages.length + messages.length;
    this.#received = Promise.withResolvers();
    for (const message of messages) this.socket.send(message);
    await this.#received.promise;
  }
}

Deno.test("every message of 1,000 WebSockets is echoed, and each is closed with its code", async () => {
  const { program, address } = await activated();
  await using _program = program;
  const clients: Client[] = [];
  // The kernel queues fewer than all.
  for (let batch = 0; batch < 10; batch++) {
    const some = Array.from({ length: 100 }, () => new Client(address));
    await soon("100 are open", Promise.all(some.map((each) => each.opened)));
    clients.push(...some);
  }
  const sent = Array.from({ length: 10 }, (_, i) => `message ${i}`);
  await soon(
    "all messages are echoed",
    Promise.all(clients.map((client) => client.echo(sent))),
    { within: 30_000 },
  );
  for (const { messages } of clients) assertEquals(messages, sent);
  clients.forEach(({ socket }, i) => socket.close(4_000 + i % 2, "done"));
  const codes = await soon(
    "all are closed",
    Promise.all(clients.map(({ closed }) => closed)),
    { within: 30_000 },
  );
  codes.forEach((code, i) => assertEquals(code, 4_000 + i % 2));
  program.kill("SIGTERM");
  await program.stdout.line("finished");
  await program.exits(0);
});

/** Receives the head of a response. */
async function receiveHead(conn: Deno.Conn): Promise<string> {
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    const byte = new TextDecoder().decode(await receive(conn, 1));
    if (byte === "") throw new Error(`The end has come after ${head}`);
    head += byte;
  }
  return head;
}

/** A text frame of one character, masked with zeros, and its echo. */
const frame = (text: string) => [0x81, 0x81, 0, 0, 0, 0, text.charCodeAt(0)];
const echo = (text: string) => [0x81, 1, text.charCodeAt(0)];

for (const transport of TRANSPORTS) {
  Deno.test(`${transport}: frames that come with the handshake are not lost`, async () => {
    const { program, address } = await activated(transport);
    await using _program = program;
    for (let round = 0; round < 20; round++) {
      using conn = await dial(address);
      const handshake = new TextEncoder().encode(HANDSHAKE);
      const frames = ["0", "1", "2"].flatMap(frame);
      await send(conn, new Uint8Array([...handshake, ...frames]));
      const head = await receiveHead(conn);
      assertMatch(head, /^HTTP\/1\.1 101 /);
      assertMatch(head, /^sec-websocket-protocol: test\r$/im);
      assertEquals(
        [...await receive(conn, 9)],
        ["0", "1", "2"].flatMap(echo),
      );
    }
  });

  Deno.test(`${transport}: clients that ask for an upgrade and leave leave nothing behind`, async () => {
    const { program, address } = await activated(transport);
    await using _program = program;
    const open = () => Deno.readDirSync(`/proc/${pid}/fd`).toArray().length;
    const pid = await (async () => {
      using conn = await dial(address);
      await send(conn, HANDSHAKE.replace("/echo", "/pid"));
      return (await receiveAllText(conn)).split("\r\n\r\n")[1];
    })();
    const before = open();
    for (let i = 0; i < 300; i++) {
      const conn = await dial(address);
      await send(conn, HANDSHAKE);
      if (i % 3 === 0) await receive(conn, 1);
      // With unread bytes, this is a reset.
      conn.close();
    }
    await eventually(
      "the descriptors are closed",
      open,
      // The runtime keeps a few that it has opened on demand.
      (count) => count <= before + 3,
    );
    using conn = await dial(address);
    await send(conn, HANDSHAKE);
    await receiveHead(conn);
    await send(conn, new Uint8Array(frame("x")));
    assertEquals([...await receive(conn, 3)], echo("x"));
  });

  Deno.test(`${transport}: SIGTERM sends 1001, and cuts a silent client at the end of the time`, async () => {
    const { program, address } = await activated(transport, {
      drainTimeoutMs: 500,
    });
    await using _program = program;
    using conn = await dial(address);
    await send(conn, HANDSHAKE);
    await receiveHead(conn);
    await send(conn, new Uint8Array(frame("x")));
    assertEquals([...await receive(conn, 3)], echo("x"));
    program.kill("SIGTERM");
    const close = [...await receive(conn, 4)];
    assertEquals([close[0], close[2]! * 256 + close[3]!], [0x88, 1001]);
    await program.stdout.line("finished");
    await program.exits(0);
  });
}

Deno.test("SIGTERM closes WebSockets with 1001", async () => {
  const { program, address } = await activated();
  await using _program = program;
  const client = new Client(address);
  await soon("it is open", client.opened);
  await soon("it echoes", client.echo(["hello"]));
  program.kill("SIGTERM");
  assertEquals(await soon("it is closed", client.closed), 1001);
  await program.stdout.line("finished");
  await program.exits(0);
});

Deno.test("a silent client is pinged, and closed when it does not answer", async () => {
  const { program, address } = await activated();
  await using _program = program;
  using conn = await dial(address);
  await send(conn, HANDSHAKE.replace("/echo", "/echo?idle=1"));
  await receiveHead(conn);
  const [ping] = await receive(conn, 1);
  assertEquals(ping, 0x89);
  await program.stdout.line(/^closed \d+/);
});

Deno.test("a request for an upgrade may be answered, and others are served", async () => {
  const { program, address } = await activated();
  await using _program = program;
  for (
    const text of [
      HANDSHAKE.replace("/echo", "/"),
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]
  ) {
    using conn = await dial(address);
    await send(conn, text);
    const response = await receiveAllText(conn);
    assertMatch(response, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
    assertMatch(response, /^connection: close\r$/im);
    assertMatch(response, /\r\n\r\nplain\n$/);
  }
  assertEquals(program.running, true);
});

for (
  const [path, message] of [
    ["/twice", "Http: Already upgraded"],
    ["/copy", "TypeError: Cannot upgrade the request: .* it is a copy"],
    ["/other", "none"],
  ] as const
) {
  Deno.test(`a handler that does not return its upgrade answers: ${path}`, async () => {
    const { program, address } = await activated();
    await using _program = program;
    using conn = await dial(address);
    await send(conn, HANDSHAKE.replace("/echo", path));
    assertMatch(
      await receiveAllText(conn),
      new RegExp(`^HTTP/1.1 200 OK\r\n[^]*\r\n\r\n${message}`),
    );
  });
}

Deno.test("over TLS an upgrade is refused, with the alternative", async () => {
  const { program, address } = await activated("TCP", { cert: CERT, key: KEY });
  await using _program = program;
  const [hostname, port] = address.split(":");
  using conn = await Deno.connectTls({
    ...{ hostname: hostname!, port: Number(port), caCerts: [CERT] },
  });
  await send(conn, HANDSHAKE);
  assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 500 /);
  assertMatch(
    await program.stderr.line(/Cannot upgrade/),
    /its connection uses TLS; use listenServer\(\) and a package such as ws/,
  );
});

Deno.test("without the option, an upgrade is refused, with its name", async () => {
  const { program, address } = await activated("unix", { webSocket: false });
  await using _program = program;
  using conn = await dial(address);
  await send(conn, HANDSHAKE);
  assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 500 /);
  await program.stderr.line(/Cannot upgrade .* webSocket option/);
});
