// What the server of unix sockets does beyond the HTTP suite.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { requestParser } from "../../runtime/request_parser.ts";
import type { ChunkConn, HandledConn } from "../../activation/_conn.ts";
import { UNIX_ADDR } from "../../activation/_address.ts";
import { ParserServer } from "../../serve/_parser_server.ts";
import { sendParts } from "../../serve/_send_parts.ts";
import type { ServeHandler } from "../../serve/mod.ts";
import { soon, untilSteady } from "../support/eventually.ts";
import { receiveAllText, receiveUpTo, send } from "../support/peer.ts";
import { testConn } from "../support/test_listener.ts";

const hello = () => new Response("hello");
const echo = async (request: Request) => new Response(await request.text());

/** Registers a test of a server with one connection. */
function testServed(
  name: string,
  handler: ServeHandler,
  run: (peer: Deno.Conn, server: ParserServer) => Promise<void>,
): void {
  testConn(name, async (conn, peer) => {
    let holds = 0;
    const server = new ParserServer((await requestParser())!, {
      addr: UNIX_ADDR,
      start: (onConnection) => onConnection(conn as HandledConn),
      ...{ close() {}, ref() {}, unref() {} },
    }, {
      ...{ handler, onError: undefined, secure: false, webSocket: false },
      ...{ maxBodyBytes: 1_000_000, keepAliveTimeoutMs: 75_000 },
    });
    const hold = () => {
      holds++;
      return () => holds--;
    };
    server.start({ onAcceptError() {}, exitsIdle: true, hold });
    try {
      await run(peer, server);
    } finally {
      const drained = server.drain();
      server.abort();
      await soon("all connections are closed", drained);
    }
    assertEquals(holds, 0);
  }, ["handles"]);
}

const LAST = "Connection: close\r\n";
const get = (headers = "") => `GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const post = (headers: string) =>
  `POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`;
const CHUNKED = post("Transfer-Encoding: chunked");
const PADDING = "x".repeat(17_000);

const ANSWERED: [
  what: string,
  parts: (string | Uint8Array)[],
  all: RegExp,
][] = [
  [
    "what follows the last request of a client is ignored",
    [`${get(LAST)}hello\r\n\r\n`],
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/,
  ],
  [
    "many small chunks with extensions are a body",
    [
      post(`${LAST}Transfer-Encoding: chunked`) +
      "1;name=value\r\na\r\n".repeat(10_000) + "0\r\n\r\n",
    ],
    /\r\n\r\na{10000}$/,
  ],
  [
    "the heads before a body do not count as its extensions",
    [get().repeat(1_500) + post(`${LAST}Content-Length: 4`) + "bo", "dy"],
    /\r\n\r\nbody$/,
  ],
  ...[
    [`${CHUNKED}2;${PADDING}`],
    [CHUNKED, "2;", ...Array(17).fill("x".repeat(1_000))],
    [`${CHUNKED}2\r\nab\r\n`, `2;${PADDING}`],
    [`${CHUNKED}0\r\n`, `x: ${PADDING}\r\n`],
  ].map((parts, i): typeof ANSWERED[number] => [
    `chunk extensions or trailers of 17 KB are refused (${i})`,
    parts,
    /^HTTP\/1\.1 4(13|31) /,
  ]),
  [
    "a refused upload has its answer, although the client sends on",
    [post("Content-Length: 20000000"), new Uint8Array(20_000_000)],
    /^HTTP\/1\.1 413 [^]*connection: close\r\n\r\nPayload Too Large\n$/,
  ],
];

for (const [what, parts, all] of ANSWERED) {
  testServed(what, echo, async (peer) => {
    for (const part of parts) {
      await send(peer, part);
      // A part is received on its own.
      await new Promise((resolve) => setTimeout(resolve));
    }
    assertMatch(await receiveAllText(peer), all);
  });
}

for (const end of ["ends", "sends malformed bytes"]) {
  testServed(
    `a client that ${end} in an unread body is closed`,
    hello,
    async (peer) => {
      await send(peer, `${CHUNKED}3\r\nab`);
      await receiveUpTo(peer, "HTTP/1.1 200 OK");
      if (end === "ends") await peer.closeWrite();
      else await send(peer, `c\r\n!\r\n`);
      assertMatch(await receiveAllText(peer), /\r\n\r\nhello$/);
    },
  );
}

testServed("a refused upload is read in part", hello, async (peer) => {
  const start = performance.now();
  await send(peer, post("Content-Length: 1000000000000"));
  await receiveUpTo(peer, "Payload Too Large\n");
  const chunk = new Uint8Array(1024 * 1024);
  let sent = 0;
  const sending = (async () => {
    for (;; sent++) await send(peer, chunk);
  })().catch(() => {});
  await untilSteady(() => sent);
  assert(sent <= 66, `${sent} MiB were read`);
  await soon("the connection is closed", sending);
  assert(performance.now() - start > 4_000, "it is closed too early");
});

for (
  const [what, text] of [
    ["a pipelined request", get().repeat(3)],
    ["pipelined requests of 150 KB", get().repeat(5_500)],
    ["an unread body", post("Content-Length: 900000") + "x".repeat(150_000)],
  ] as const
) {
  const called = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  testServed(
    `a client that leaves ${what} behind aborts the request`,
    async ({ signal }) => {
      called.resolve();
      signal.addEventListener("abort", () => aborted.resolve());
      await aborted.promise;
      return hello();
    },
    async (peer) => {
      // The buffers have room for it: a pending write would keep the socket open.
      await soon("the requests are sent", send(peer, text));
      await soon("the handler is called", called.promise);
      peer.close();
      await soon("the signal is aborted", aborted.promise);
    },
  );
}

testServed("half a head delays no drain", hello, async (peer, server) => {
  await send(peer, get() + "GET / HT");
  await receiveUpTo(peer, "hello");
  await soon("all connections are closed", server.drain());
});

for (const part of ["all", "the rest"]) {
  let outcome: Promise<string>;
  testServed(
    `after the response, reading ${part} of a body fails`,
    (request, { completed }) => {
      const reader = part === "all" ? undefined : request.body!.getReader();
      const reading = reader?.read();
      outcome = completed.then(async () => {
        await reading;
        await (reader === undefined ? request.text() : reader.read());
        return "read";
      }).catch((error) => error.message);
      return new Response();
    },
    async (peer) => {
      await send(peer, post(`Content-Length: ${part === "all" ? 4 : 5}`));
      await send(peer, "body");
      await receiveUpTo(peer, "HTTP/1.1 200 OK");
      await send(peer, "y");
      assertMatch(
        await soon("the outcome is known", outcome),
        /Cannot read the request/,
      );
    },
  );
}

Deno.test("a large body is sent from its own memory, in slices", async () => {
  const body = new Uint8Array(1_000_000);
  const written: Uint8Array[] = [];
  const conn = { writeChunk: (chunk: Uint8Array) => void written.push(chunk) };
  await sendParts(conn as Partial<ChunkConn> as ChunkConn, "", body, "");
  const slices = written.filter(({ buffer }) => buffer === body.buffer);
  assert(slices.length > 1);
  assertEquals(slices.reduce((sum, { length }) => sum + length, 0), 1_000_000);
});

const LATE: [what: string, text: string, seconds: number, all: RegExp][] = [
  ["sends nothing gets 408", "", 60, /^HTTP\/1\.1 408 Request Timeout\r\n/],
  ["sends half a head gets 408", "GET / HT", 60, /^HTTP\/1\.1 408 /],
  ["stays idle is closed", get(), 75, /\nkeep-alive: timeout=75\r\n[^]*hello$/],
  ["keeps sending its body is cut off", post("Content-Length: 9"), 5, /hello$/],
];

for (const [what, text, seconds, all] of LATE) {
  testServed(`in time, a client that ${what}`, hello, async (peer) => {
    const { now } = performance;
    const start = performance.now();
    // For the server, the time passes in 1.5 s. It looks at the clock once a second.
    performance.now = () =>
      start + (now.call(performance) - start) * seconds / 1.5;
    try {
      await send(peer, text);
      assertMatch(await receiveAllText(peer), all);
      assert(performance.now() - start >= seconds * 1_000, "it is too early");
    } finally {
      performance.now = now;
    }
  });
}
