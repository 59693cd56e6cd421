// What the server of unix sockets does beyond the HTTP suite.

import {
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  requestOnDemand,
  type RequestSource,
} from "../../runtime/fetch_objects.ts";
import { type NewParser, requestParser } from "../../runtime/request_parser.ts";
import type { ChunkConn, HandledConn } from "../../activation/_conn.ts";
import { UNIX_ADDR } from "../../activation/_address.ts";
import type { Acceptor } from "../../activation/_transport.ts";
import type { AnswerOptions } from "../../serve/_answer.ts";
import { ParserServer } from "../../serve/_parser_server.ts";
import { sendParts } from "../../serve/_send_parts.ts";
import type { ServeHandler } from "../../serve/mod.ts";
import { soon } from "../support/eventually.ts";
import { receive, receiveAll, receiveAllText, send } from "../support/peer.ts";
import { testConn } from "../support/test_listener.ts";

const LAST = "Connection: close\r\n";

const get = (headers = "") => `GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

/** A server of one connection. */
class TestServer implements AsyncDisposable {
  readonly server: ParserServer;
  /** The exchanges that the service would wait for. */
  holds = 0;

  private constructor(newParser: NewParser, options: Partial<AnswerOptions>) {
    const acceptor: Acceptor<HandledConn> = {
      addr: UNIX_ADDR,
      start: (onConnection) => this.accept = onConnection,
      close() {},
      ref() {},
      unref() {},
    };
    this.server = new ParserServer(newParser, acceptor, {
      handler: () => new Response("hello"),
      onError: undefined,
      secure: false,
      webSocket: false,
      maxBodyBytes: 1_000_000,
      keepAliveTimeoutMs: 75_000,
      ...options,
    });
    this.server.start({
      onAcceptError() {},
      hold: () => {
        this.holds++;
        return () => this.holds--;
      },
    });
  }

  static async serve(
    conn: Deno.Conn,
    options: Partial<AnswerOptions>,
  ): Promise<TestServer> {
    const server = new TestServer((await requestParser())!, options);
    server.accept(conn as HandledConn);
    return server;
  }

  accept = (_conn: HandledConn): void => {};

  async [Symbol.asyncDispose](): Promise<void> {
    const drained = this.server.drain();
    this.server.abort();
    await soon("all connections are closed", drained);
    assertEquals(this.holds, 0);
  }
}

function testServed(
  name: string,
  handler: ServeHandler,
  run: (peer: Deno.Conn, server: TestServer) => Promise<void>,
  options: Partial<AnswerOptions> = {},
): void {
  testConn(name, async (conn, peer) => {
    await using server = await TestServer.serve(conn, { handler, ...options });
    await run(peer, server);
  }, ["handles"]);
}

const hello = () => new Response("hello");
const echo = async (request: Request) => new Response(await request.text());

testServed(
  "requests before malformed bytes are answered",
  () => Promise.resolve(new Response("hello")),
  async (peer) => {
    await send(peer, get() + get() + "hello\r\n\r\n");
    const text = await receiveAllText(peer);
    assertEquals(text.split("HTTP/1.1 200 OK").length, 3, text);
    assertMatch(text, /helloHTTP\/1\.1 400 Bad Request\r\n/);
  },
);

testServed(
  "a request with a malformed body is not handled",
  hello,
  async (peer) => {
    const post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
    await send(peer, `${post}\r\n!\r\n`);
    assertMatch(await receiveAllText(peer), /^HTTP\/1\.1 400 Bad Request\r\n/);
  },
);

testServed(
  "what follows the last request of a client is ignored",
  hello,
  async (peer) => {
    await send(peer, `${get(LAST)}hello\r\n\r\n`);
    const text = await receiveAllText(peer);
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
    assertEquals(text.includes("400"), false, text);
  },
);

for (const rest of ["", "!\r\n"]) {
  testServed(
    `after its response, a client that ${
      rest === "" ? "ends" : "sends malformed bytes"
    } within its body is closed`,
    hello,
    async (peer) => {
      const post = "POST / HTTP/1.1\r\nHost: a\r\n";
      await send(peer, `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nab`);
      const head = "HTTP/1.1 200 OK";
      assertEquals(
        new TextDecoder().decode(await receive(peer, head.length)),
        head,
      );
      if (rest === "") await peer.closeWrite();
      else await send(peer, `c\r\n${rest}`);
      assertMatch(await receiveAllText(peer), /\r\n\r\nhello$/);
    },
  );
}

testServed(
  "a request that asks for an upgrade has its body",
  echo,
  async (peer) => {
    const upgrade =
      "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 4\r\n";
    await send(peer, `POST / HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`);
    await send(peer, "body");
    assertMatch(await receiveAllText(peer), /connection: close\r\n\r\nbody$/);
  },
);

testServed(
  "headers may come a byte at a time, and trailers are ignored",
  async (request) =>
    new Response(`${request.headers.get("x-y")} ${await request.text()}`),
  async (peer) => {
    const head = "POST /p HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n" + LAST;
    const body = "3\r\nabc\r\n0\r\nX-Y: other\r\n\r\n";
    const text = `${head}Transfer-Encoding: chunked\r\n\r\n${body}`;
    for (const byte of text) await send(peer, byte);
    assertStringIncludes(await receiveAllText(peer), "\r\n\r\nz abc");
  },
);

for (
  const [text, reason] of [
    ["GET / HTTP/1.1\r\n\r\n", "400: it has no host"],
    [`${get().slice(0, -2)}x: ${"y".repeat(20_000)}`, "431: .*overflow"],
  ] as const
) {
  testConn(
    `a request is refused with ${reason}, logged as one line`,
    async (conn, peer) => {
      const { stderr } = Deno;
      const { writeSync } = stderr;
      let logged = "";
      stderr.writeSync = (bytes) => {
        logged += new TextDecoder().decode(bytes);
        return bytes.length;
      };
      try {
        const { server } = await TestServer.serve(conn, {});
        await send(peer, text);
        assertMatch(await receiveAllText(peer), /^HTTP\/1\.1 4/);
        peer.close();
        await soon("all connections are closed", server.drain());
      } finally {
        stderr.writeSync = writeSync;
      }
      assertMatch(
        logged,
        new RegExp(`^error: Refused a request with status ${reason}\\n$`),
      );
    },
    ["handles"],
  );
}

const CHUNKED =
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

for (
  const [what, parts] of [
    ["in the packet of the head", [`${CHUNKED}2;${"x".repeat(20_000)}`]],
    ["byte by byte", [CHUNKED, "2;", ...Array(17).fill("x".repeat(1_000))]],
    ["after a part of the body", [
      `${CHUNKED}2\r\nab\r\n`,
      `2;${"x".repeat(17_000)}`,
    ]],
    ["as trailers", [`${CHUNKED}0\r\n`, `x: ${"x".repeat(17_000)}\r\n`]],
  ] as [string, string[]][]
) {
  testServed(
    `chunk extensions of 17 KB ${what} are refused`,
    echo,
    async (peer) => {
      for (const part of parts) {
        await send(peer, part);
        // A part is received on its own.
        await new Promise((resolve) => setTimeout(resolve));
      }
      assertMatch(await receiveAllText(peer), /^HTTP\/1\.1 4(13|31) /);
    },
  );
}

testServed(
  "many small chunks with extensions are a body, also behind other requests",
  echo,
  async (peer) => {
    const chunks = "1;name=value\r\na\r\n".repeat(10_000);
    const head = CHUNKED.replace("Host", `${LAST}Host`);
    await send(peer, `${get()}${get()}${head}${chunks}0\r\n\r\n`);
    const text = await receiveAllText(peer);
    assertEquals(text.split("\r\n\r\n").at(-1), "a".repeat(10_000));
  },
);

/** A handler that answers only when its client has gone. */
function waiting() {
  const called = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  return {
    called: called.promise,
    aborted: aborted.promise,
    handler({ signal }: Request): Promise<Response> {
      called.resolve();
      signal.addEventListener("abort", () => aborted.resolve());
      return aborted.promise.then(() => new Response());
    },
  };
}

const LEFT_BEHIND: [what: string, text: string][] = [
  ["nothing", get()],
  ["a pipelined request", get().repeat(3)],
  ["pipelined requests of 150 KB", get().repeat(5_500)],
  [
    "an unread body",
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n${
      "x".repeat(150_000)
    }`,
  ],
];

for (const [what, text] of LEFT_BEHIND) {
  testConn(
    `a client that leaves ${what} behind aborts the request`,
    async (conn, peer) => {
      const { called, aborted, handler } = waiting();
      await using _server = await TestServer.serve(conn, { handler });
      // The buffers have room for it: a pending write would keep the socket open.
      await soon("the requests are sent", send(peer, text));
      await soon("the handler is called", called);
      peer.close();
      await soon("the signal is aborted", aborted);
    },
    ["handles"],
  );
}

testServed(
  "a half-close does not abort a request, and its streamed response is whole",
  ({ signal }) => {
    let chunks = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          const text = signal.aborted ? "aborted" : "a".repeat(1_000);
          controller.enqueue(new TextEncoder().encode(text));
          if (++chunks === 100) controller.close();
        },
      }),
      { headers: { "content-length": "100000" } },
    );
  },
  async (peer) => {
    await send(peer, get());
    await peer.closeWrite();
    const text = await receiveAllText(peer);
    assertEquals(text.split("\r\n\r\n")[1], "a".repeat(100_000));
  },
);

testServed(
  "a refused upload has its answer, although the client sends on",
  hello,
  async (peer) => {
    const length = 20_000_000;
    const post =
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    await send(peer, post);
    await send(peer, new Uint8Array(length));
    assertMatch(
      await receiveAllText(peer),
      /^HTTP\/1\.1 413 [^]*connection: close\r\n\r\nPayload Too Large\n$/,
    );
  },
);

testServed(
  "a body of chunks that is too long fails in the handler, with status 413",
  echo,
  async (peer) => {
    const chunk = `f4240\r\n${"x".repeat(1_000_000)}\r\n`;
    await send(peer, CHUNKED + chunk + chunk + "0\r\n\r\n");
    assertMatch(await receiveAllText(peer), /^HTTP\/1\.1 413 /);
  },
);

testServed(
  "a client that keeps sending its body after the response is cut off",
  hello,
  async (peer) => {
    await send(
      peer,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    );
    const answer = receiveAllText(peer);
    await inFastTime(() => answer);
    assertMatch(await answer, /hello$/);
  },
);

testServed(
  "half a head does not delay the drain",
  hello,
  async (peer, { server }) => {
    await send(peer, get() + "GET / HT");
    await receive(peer, 15);
    await soon("all connections are closed", server.drain(), { within: 3_000 });
  },
);

for (const isLate of [false, true]) {
  testServed(
    `after the response, reading ${
      isLate ? "all" : "the rest"
    } of a body fails`,
    (request, { completed }) => {
      const reader = isLate ? undefined : request.body!.getReader();
      const reading = reader?.read();
      outcome = completed.then(async () => {
        await reading;
        return reader === undefined
          ? await request.text()
          : await reader.read();
      }).then(() => "read", (error) => error.message);
      return new Response();
    },
    async (peer) => {
      const length = isLate ? "4" : "5";
      await send(
        peer,
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nbody`,
      );
      await receive(peer, 15);
      await send(peer, "y");
      assertMatch(
        await soon("the outcome is known", outcome),
        /Cannot read the request/,
      );
    },
  );
}
let outcome: Promise<string>;

Deno.test("a large body is sent from its own memory, in slices", async () => {
  const body = new Uint8Array(1_000_000);
  const written: Uint8Array[] = [];
  const conn = {
    writeChunk(chunk: Uint8Array) {
      written.push(chunk.buffer === body.buffer ? chunk : chunk.slice());
      return undefined;
    },
  } as Partial<ChunkConn> as ChunkConn;
  await sendParts(conn, "head é", body, "tail");
  const text = (bytes?: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  assertEquals(text(written[0]), "head é");
  assertEquals(text(written.at(-1)), "tail");
  const slices = written.slice(1, -1);
  assertEquals(slices.every(({ buffer }) => buffer === body.buffer), true);
  assertEquals(slices.reduce((sum, { length }) => sum + length, 0), 1_000_000);
  assertEquals(slices.length > 1, true);
});

for (const length of [10, 100_000]) {
  testServed(
    `${length} characters of two bytes are announced as bytes`,
    () => new Response("é".repeat(length), { headers: { "x-y": "é" } }),
    async (peer) => {
      await send(peer, get(LAST));
      const bytes = await receiveAll(peer);
      const text = new TextDecoder("latin1").decode(bytes);
      assertStringIncludes(text, `content-length: ${length * 2}\r\n`);
      // Header values are bytes.
      assertStringIncludes(text, "x-y: é\r\n");
      assertEquals(text.split("\r\n\r\n")[1]!.length, length * 2);
    },
  );
}

/** Makes time pass a hundred times as fast for the deadlines of a server. */
async function inFastTime<T>(wait: () => Promise<T>): Promise<T> {
  const { now } = performance;
  const start = performance.now();
  performance.now = () => start + (now.call(performance) - start) * 100;
  try {
    return await wait();
  } finally {
    performance.now = now;
  }
}

for (const [what, text] of [["nothing", ""], ["a part", "GET / HT"]]) {
  testServed(
    `a client that has sent ${what} of a request gets 408 after 60 seconds`,
    hello,
    async (peer) => {
      await send(peer, text!);
      const received = await inFastTime(() => receiveAllText(peer));
      assertMatch(received, /^HTTP\/1\.1 408 Request Timeout\r\n/);
    },
  );
}

testServed(
  "a client that sends no other request in the announced time is closed",
  hello,
  async (peer) => {
    await send(peer, get());
    const received = await inFastTime(() => receiveAllText(peer));
    assertMatch(received, /\r\nkeep-alive: timeout=75\r\n[^]*hello$/);
  },
);

/** Returns a request, and what is called when its client leaves. */
function requestFrom(source: Partial<RequestSource> = {}) {
  let leave = () => {};
  const request = requestOnDemand({
    method: "PUT",
    url: () => "http://localhost/a",
    headers: () => [["x-y", "z"]],
    body: () => new Blob(["body"]).stream(),
    onLeave: (callback) => leave = callback,
    ...source,
  })!;
  return { request, leave: () => leave() };
}

Deno.test("a request on demand makes its headers when they are read, once", () => {
  let calls = 0;
  const { request } = requestFrom({
    headers() {
      calls++;
      return [["x-y", "z"]];
    },
  });
  assertEquals([request.url, request.method, calls], [
    "http://localhost/a",
    "PUT",
    0,
  ]);
  assertEquals([...request.headers], [["x-y", "z"]]);
  assertThrows(() => request.headers.set("x-z", "1"), TypeError, "immutable");
  assertEquals(calls, 1);
});

Deno.test("a request on demand can be copied, with its body and its signal", async () => {
  const { request, leave } = requestFrom();
  const clone = request.clone();
  const copy = new Request(request, { headers: { a: "b" } });
  assertEquals([await clone.text(), await copy.text()], ["body", "body"]);
  assertEquals([clone.headers.get("x-y"), copy.headers.get("a")], ["z", "b"]);
  leave();
  for (const { signal } of [request, clone, copy]) {
    assertEquals(signal.aborted, true);
    assertEquals(signal.reason.name, "AbortError");
  }
});
