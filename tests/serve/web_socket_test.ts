// WebSockets on adopted sockets.

import { assertEquals, assertMatch } from "@std/assert";
import {
  activate,
  ALLOW_ACTIVATION,
  dial,
  freePorts,
} from "../support/activate.ts";
import { soon } from "../support/eventually.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const SETTINGS = {
  module: "tests/serve/web_socket_program.ts",
  allow: [ALLOW_ACTIVATION],
  args: [JSON.stringify({ webSocket: true })],
};

async function activated() {
  const [port] = freePorts("127.0.0.1", 1);
  const address = `127.0.0.1:${port}`;
  const program = await activate({ ...SETTINGS, addresses: [address] });
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

Deno.test("frames that come with the handshake are not lost", async () => {
  const { program, address } = await activated();
  await using _program = program;
  const encoder = new TextEncoder();
  for (let round = 0; round < 20; round++) {
    using conn = await dial(address);
    const handshake = encoder.encode(HANDSHAKE);
    const frames = [0, 1, 2].flatMap((i) => // A text frame of one byte, masked with zeros.
    [0x81, 0x81, 0, 0, 0, 0, 0x30 + i]);
    await send(conn, new Uint8Array([...handshake, ...frames]));
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      head += new TextDecoder().decode(await receive(conn, 1));
    }
    assertMatch(head, /^HTTP\/1\.1 101 /);
    assertMatch(head, /^sec-websocket-protocol: test\r$/im);
    assertEquals(
      [...await receive(conn, 9)],
      [0, 1, 2].flatMap((i) => [0x81, 1, 0x30 + i]),
    );
  }
});

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
  let head = "";
  while (!head.endsWith("\r\n\r\n")) {
    head += new TextDecoder().decode(await receive(conn, 1));
  }
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

Deno.test("over a unix socket an upgrade is refused, with the alternative", async () => {
  using directory = new TempDir();
  const address = directory.join("web.socket");
  await using program = await activate({ ...SETTINGS, addresses: [address] });
  using conn = await dial(address);
  await send(conn, HANDSHAKE);
  assertMatch(await receiveAllText(conn), /^HTTP\/1\.1 500 /);
  assertMatch(
    await program.stderr.line(/Cannot upgrade/),
    /unix socket or uses TLS; use listenServer\(\) and a package such as ws/,
  );
});
