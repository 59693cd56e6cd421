/** The HTTP behaviour of `serve()`, and of `Deno.serve()`. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type {
  RunningHttpServer,
  ServeHandler,
  ServeOptions,
} from "../../serve/mod.ts";
import { eventually, soon } from "../support/eventually.ts";
import { receive, receiveAll, receiveAllText, send } from "../support/peer.ts";

/**
 * Deno's own server, as `Deno.serve()` and on adopted connections; the parser server;
 * and `node:http`.
 */
export type ServerName = "Deno.serve" | "native" | "ours" | "node";

/** The cases of a server. */
export function casesOf(
  server: ServerName,
  { overTcp = false, secure = false } = {},
): Case[] {
  return CASES.filter(({ not }) =>
    not?.[server] === undefined && !(overTcp && not?.["over TCP"]) &&
    !(secure && not?.TLS)
  );
}

/** One socket, and how to reach it. */
export interface Place {
  server: ServerName;
  /** Whether it talks TLS. */
  secure: boolean;
  /** Serves it, without telling a service manager. */
  serve(
    handler: ServeHandler,
    options?: ServeOptions,
  ): Promise<Omit<RunningHttpServer, "setCertificate">>;
  /** Connects to it. */
  dial(): Promise<Deno.Conn>;
}

/** One behaviour. */
export interface Case {
  name: string;
  /** The servers that do not have it, or ours over TCP or TLS, and why. */
  not?: Partial<Record<ServerName | "over TCP" | "TLS", string>> | undefined;
  run(place: Place): Promise<void>;
}

/** Deno's own HTTP server differs. */
const notDeno = (why: string): Case["not"] => ({
  "Deno.serve": why,
  native: why,
});

const CRLF = "\r\n";
const MIB = 1024 * 1024;
const encoder = new TextEncoder();

/** The text of a request, by default HTTP/1.1 with a host. */
function request(
  line: string,
  headers: Record<string, string> = {},
  body = "",
): string {
  const head = [
    `${line} HTTP/1.1`,
    ...Object.entries({ Host: "test.example", ...headers })
      .map(([name, value]) => `${name}: ${value}`),
  ];
  return head.join(CRLF) + CRLF + CRLF + body;
}

const LAST = { Connection: "close" };

/** Returns the response to the only request of a connection. */
async function ask(
  place: Place,
  text: string,
): Promise<{ head: string; body: string }> {
  using conn = await place.dial();
  await send(conn, text);
  const [head = "", ...body] = (await receiveAllText(conn)).split(CRLF + CRLF);
  return { head, body: body.join(CRLF + CRLF) };
}

/**
 * Receives until the server has closed the connection, with or without the words
 * of farewell that TLS has for that.
 */
async function receiveRest(conn: Deno.Conn): Promise<string> {
  let text = "";
  for (;;) {
    const byte = await receive(conn, 1).catch((error) => {
      if (error instanceof Deno.errors.UnexpectedEof) return new Uint8Array();
      throw error;
    });
    if (byte.length === 0) return text;
    text += new TextDecoder().decode(byte);
  }
}

function scheme({ secure }: Place): string {
  return secure ? "https" : "http";
}

/** Receives until the received text ends with a suffix, and returns all of it. */
async function receiveUpTo(conn: Deno.Conn, end: string): Promise<string> {
  let all = "";
  while (!all.endsWith(end)) {
    const byte = new TextDecoder().decode(await receive(conn, 1));
    if (byte === "") throw new Error(`The end has come after ${all}`);
    all += byte;
  }
  return all;
}

/** A response body that counts the chunks read from it, and may be endless. */
class Source {
  pulls = 0;
  /** The reason of its cancellation, or undefined. */
  cancelled: unknown;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(chunkBytes: number, chunks = Infinity) {
    this.stream = new ReadableStream({
      pull: (controller) => {
        if (this.pulls++ === chunks) controller.close();
        else controller.enqueue(new Uint8Array(chunkBytes).fill(97));
      },
      cancel: (reason) => {
        this.cancelled = reason ?? "for no reason";
      },
    }, { highWaterMark: 0 });
  }
}

/** A promise that a test keeps when it wants a handler to go on. */
function gate() {
  return Promise.withResolvers<void>();
}

/** Whether a connection is refused. */
async function isRefused(place: Place): Promise<boolean> {
  try {
    (await place.dial()).close();
    return false;
  } catch {
    return true;
  }
}

const TARGETS: [target: string, url: string][] = [
  ["/", "/"],
  ["/a/../b?x=1&y=%20", "/b?x=1&y=%20"],
  ["//other.example/path", "//other.example/path"],
  ["http://other.example:81/abs?q", "http://other.example:81/abs?q"],
];

const REFUSED: [
  what: string,
  text: string,
  status: string,
  not?: Case["not"],
][] = [
  ["two hosts", request("GET /", { Host: "a\r\nHost: b" }), "400"],
  [
    "no host",
    `GET / HTTP/1.1${CRLF}${CRLF}`,
    "400",
    notDeno("it invents a host"),
  ],
  ["129 headers", request("GET /", many(128)), "400"],
  ["HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "400"],
  ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "400"],
  ["HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "400"],
  [
    "chunks in HTTP/1.0",
    request("POST /", { "Transfer-Encoding": "chunked" }, "0\r\n\r\n")
      .replace("HTTP/1.1", "HTTP/1.0"),
    "400",
  ],
  ["what is no HTTP", `hello${CRLF}${CRLF}`, "400"],
  [
    "a length and chunks at once",
    request("POST /", {
      "Content-Length": "3",
      "Transfer-Encoding": "chunked",
    }),
    "400",
  ],
  [
    "two different lengths",
    request("POST /", { "Content-Length": "3\r\nContent-Length: 4" }, "1234"),
    "400",
  ],
  [
    "a length that is none",
    request("POST /", { "Content-Length": "3x" }),
    "400",
  ],
  ["a negative length", request("POST /", { "Content-Length": "-1" }), "400"],
  [
    "chunks that are not the last coding",
    request("POST /", { "Transfer-Encoding": "chunked, gzip" }),
    "400",
  ],
  ["a space before the colon", request("GET /", { "X ": "y" }), "400"],
  ["a folded header", request("GET /", { X: "a\r\n b" }), "400"],
  ["a NUL in a header", request("GET /", { X: "a\0b" }), "400"],
  ["headers of 1 MiB", request("GET /", { X: "x".repeat(MIB) }), "4"],
  [
    "lines that end without CR",
    "GET / HTTP/1.1\nHost: a\n\n",
    "400",
    notDeno("it takes them"),
  ],
  [
    "a target with other bytes than ASCII",
    request("GET /é"),
    "400",
    notDeno("it takes them"),
  ],
  [
    "headers of 17 KiB",
    request("GET /", { X: "x".repeat(17 * 1024) }),
    "4",
    notDeno("it takes 64 KiB"),
  ],
  [
    "TRACE",
    request("TRACE /"),
    "501",
    notDeno("its handler gets CONNECT and TRACE"),
  ],
];

function many(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`x-${i}`, ""]),
  );
}

/** Hosts that are not those of a URL. Clients of unix sockets send the first. */
const HOSTS = ["%2Frun%2Fx.sock", "a/b?", "user@a", "a b", "[::1", ""];

export const CASES: Case[] = [
  {
    name:
      "requests on one connection are answered in turn, also pipelined ones",
    async run(place) {
      const last = gate();
      await using _service = await place.serve(async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/slow") await last.promise;
        return new Response(pathname);
      });
      using conn = await place.dial();
      for (const path of ["/1", "/2"]) {
        await send(conn, request(`GET ${path}`));
        const text = await receiveUpTo(conn, CRLF + CRLF + path);
        assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
        assertMatch(text, /^content-length: 2\r$/im);
      }
      await send(
        conn,
        request("GET /slow") + request("GET /3") + request("GET /4", LAST),
      );
      last.resolve();
      const paths = (await receiveAllText(conn)).matchAll(
        /\r\n\r\n(\/[a-z0-9]+)/g,
      );
      assertEquals([...paths].map(([, path]) => path), ["/slow", "/3", "/4"]);
    },
  },
  {
    name:
      "the handler is given method, URL, headers, body and the client's address",
    async run(place) {
      let completed: Promise<void> | undefined;
      let seen: unknown;
      await using service = await place.serve(async (request, info) => {
        const { method, url, headers } = request;
        const { remoteAddr } = info;
        completed = info.completed;
        seen = {
          ...{ method, url, transport: remoteAddr.transport },
          ...{ many: headers.get("x-many"), host: headers.get("host") },
          hostname: "hostname" in remoteAddr ? remoteAddr.hostname : undefined,
        };
        return new Response(await request.text());
      });
      const { body } = await ask(
        place,
        request(
          "PUT /path?query",
          { ...LAST, "X-Many": "1\r\nx-many: 2", "Content-Length": "5" },
          "bytes",
        ),
      );
      assertEquals(body, "bytes");
      const { transport } = service.addr;
      assertEquals(seen, {
        ...{ method: "PUT", many: "1, 2", host: "test.example", transport },
        url: `${scheme(place)}://test.example/path?query`,
        hostname: transport === "tcp" ? "127.0.0.1" : undefined,
      });
      await soon("the response is completed", completed!);
    },
  },
  ...TARGETS.map(([target, url]): Case => ({
    name: `the target ${target} is the URL ${url}`,
    async run(place) {
      await using _service = await place.serve(({ url }) =>
        new Response(new URL(url).href)
      );
      const { body } = await ask(place, request(`GET ${target}`, LAST));
      const here = `${scheme(place)}://test.example`;
      assertEquals(body, url.startsWith("/") ? here + url : url);
    },
  })),
  {
    name: "OPTIONS * is about the host",
    async run(place) {
      await using _service = await place.serve(({ url }) => new Response(url));
      const { body } = await ask(place, request("OPTIONS *", LAST));
      assertEquals(body, `${scheme(place)}://test.example/*`);
    },
  },
  ...HOSTS.map((host): Case => ({
    name: `the host "${host}" is left to the handler, and not in the URL`,
    not: notDeno("the host is in the URL as it is"),
    async run(place) {
      await using _service = await place.serve(({ url, headers }) =>
        new Response(`${url} ${headers.get("host")}`)
      );
      const { body } = await ask(
        place,
        request("GET /path", { ...LAST, Host: host }),
      );
      assertEquals(body, `${scheme(place)}://localhost/path ${host}`);
    },
  })),
  ...REFUSED.map(([what, text, status, not]): Case => ({
    not,
    name: `${what} is answered with ${status}, not handled`,
    async run(place) {
      await using _service = await place.serve(() => new Response("handled"));
      using conn = await place.dial();
      const sending = send(conn, text).catch(() => {});
      const line = await receiveUpTo(conn, CRLF);
      assertEquals(line.split(" ")[1]?.startsWith(status), true, line);
      await sending;
    },
  })),
  {
    name: "HTTP/1.0 needs no host, and its response ends with the connection",
    async run(place) {
      const source = () => new Source(3, 2).stream;
      await using _service = await place.serve(({ url }) =>
        new Response(url.endsWith("/url") ? url : source())
      );
      const url = await ask(place, `GET /url HTTP/1.0${CRLF}${CRLF}`);
      assertMatch(url.body, /^https?:\/\/localhost(:\d+)?\/url$/);
      const stream = await ask(place, `GET /stream HTTP/1.0${CRLF}${CRLF}`);
      assertEquals(stream.body, "aaaaaa");
    },
  },
  {
    name: "HEAD, 204 and 304 have no body, and keep the connection usable",
    async run(place) {
      const source = new Source(1);
      await using _service = await place.serve((request) => {
        const { pathname } = new URL(request.url);
        if (request.method === "HEAD") {
          return new Response(source.stream, { headers: { "x-is": "head" } });
        }
        return pathname === "/last"
          ? new Response("last")
          : new Response(null, { status: Number(pathname.slice(1)) });
      });
      const { head, body } = await ask(
        place,
        request("HEAD /") + request("GET /204") + request("GET /304") +
          request("GET /last", LAST),
      );
      assertStringIncludes(head, "x-is: head");
      assertEquals(
        body.match(/^HTTP.*|^last$/gm)?.map((line) => line.trim()),
        [
          "HTTP/1.1 204 No Content",
          "HTTP/1.1 304 Not Modified",
          "HTTP/1.1 200 OK",
          "last",
        ],
      );
      await eventually(
        "the source is cancelled",
        () => source.cancelled,
        (reason) => reason !== undefined,
      );
    },
  },
  {
    name:
      "each cookie has a line, and framing headers of the handler are ignored",
    not: {
      ...notDeno("it sends the headers of the handler"),
      node: "a short stream has a length",
    },
    async run(place) {
      await using _service = await place.serve(() => {
        const response = new Response(new Source(1, 2).stream, {
          statusText: "Ignored",
        });
        for (
          const [name, value] of [
            ["set-cookie", "a=1, 2"],
            ["set-cookie", "b=3"],
            ["transfer-encoding", "gzip"],
            ["connection", "x-hop"],
            ["keep-alive", "timeout=9999"],
            ["x-kept", "é"],
          ] as const
        ) response.headers.append(name, value);
        return response;
      });
      using conn = await place.dial();
      await send(conn, request("GET /", LAST));
      const bytes = await receiveAll(conn);
      const text = new TextDecoder("latin1").decode(bytes);
      assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
      const headers = text.split(CRLF + CRLF)[0]!.toLowerCase().split(CRLF);
      assertEquals(headers.filter((line) => line.startsWith("set-cookie")), [
        "set-cookie: a=1, 2",
        "set-cookie: b=3",
      ]);
      if (place.server === "ours") assert(headers.includes("x-kept: é"), text);
      assert(headers.includes("transfer-encoding: chunked"), text);
      assertEquals(/gzip|x-hop|9999/.test(text), false, text);
    },
  },
  {
    name: "bodies flow both ways at once, chunk by chunk",
    async run(place) {
      await using _service = await place.serve(({ body }) =>
        new Response(body)
      );
      using conn = await place.dial();
      await send(
        conn,
        request("POST /", { ...LAST, "Transfer-Encoding": "chunked" }),
      );
      await receiveUpTo(conn, CRLF + CRLF);
      for (const word of ["one", "three", "x".repeat(100)]) {
        const chunk = `${word.length.toString(16)}${CRLF}${word}${CRLF}`;
        await send(conn, chunk);
        assertEquals(await receiveUpTo(conn, word + CRLF), chunk);
      }
      await send(conn, `0${CRLF}${CRLF}`);
      assertEquals(await receiveAllText(conn), `0${CRLF}${CRLF}`);
    },
  },
  {
    name: "a client waits while the handler does not read its body",
    async run(place) {
      const read = gate();
      await using _service = await place.serve(async (request) => {
        await read.promise;
        return new Response(`${(await request.bytes()).length}`);
      });
      using conn = await place.dial();
      const size = 32 * MIB;
      await send(
        conn,
        request("POST /", { ...LAST, "Content-Length": `${size}` }),
      );
      let sent = 0;
      const sending = (async () => {
        const chunk = new Uint8Array(64 * 1024);
        while (sent < size) {
          sent += await conn.write(chunk.subarray(0, size - sent));
        }
      })();
      await untilSteady(() => sent);
      assert(sent < size / 2, `${sent} bytes were taken by nobody`);
      read.resolve();
      const [text] = await Promise.all([receiveAllText(conn), sending]);
      assert(text.endsWith(`${CRLF}${size}`), text);
    },
  },
  {
    name: "100 MiB come back while they are sent",
    async run(place) {
      const size = 100 * MIB;
      const length = { "content-length": `${size}` };
      await using _service = await place.serve(({ body }) =>
        new Response(body, { headers: length })
      );
      using conn = await place.dial();
      await send(conn, request("POST /", { ...LAST, ...length }));
      const chunk = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i % 251);
      const sending = (async () => {
        for (let sent = 0; sent < size; sent += chunk.length) {
          await send(conn, chunk);
        }
      })();
      await receiveUpTo(conn, CRLF + CRLF);
      for (let received = 0; received < size; received += chunk.length) {
        assertEquals(await receive(conn, chunk.length), chunk);
      }
      await sending;
      assertEquals(await receiveRest(conn), "");
    },
  },
  {
    name: "a response is read from its source as the client receives it",
    async run(place) {
      const chunks = 512;
      const source = new Source(64 * 1024, chunks);
      await using _service = await place.serve(() =>
        new Response(source.stream)
      );
      using conn = await place.dial();
      await send(conn, request("GET /", LAST));
      await receiveUpTo(conn, CRLF + CRLF);
      await untilSteady(() => source.pulls);
      assert(source.pulls < chunks / 2, `${source.pulls} chunks were read`);
      const bytes = await receiveAll(conn);
      assertEquals(source.pulls, chunks + 1);
      assert(bytes.length > chunks * 64 * 1024);
      assertEquals(
        new TextDecoder().decode(bytes.slice(-7)),
        `${CRLF}0${CRLF}${CRLF}`,
      );
    },
  },
  {
    name: "a client that disconnects cancels the response",
    async run(place) {
      const source = new Source(64 * 1024);
      let completed: Promise<void> | undefined;
      await using _service = await place.serve((_request, info) => {
        completed = info.completed;
        return new Response(source.stream);
      });
      {
        using conn = await place.dial();
        await send(conn, request("GET /"));
        await receiveUpTo(conn, CRLF + CRLF);
      }
      await eventually(
        "the source is cancelled",
        () => source.cancelled,
        (reason) => reason !== undefined,
      );
      if (place.server === "Deno.serve" || place.server === "native") return;
      await assertRejects(() => completed!, Deno.errors.Interrupted);
    },
  },
  {
    name: "a client that disconnects while a response is paused cancels it",
    not: { "over TCP": "only a reset shows it" },
    async run(place) {
      const cancelled = gate();
      await using _service = await place.serve(() =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(encoder.encode("first")),
            cancel: () => cancelled.resolve(),
          }),
        )
      );
      {
        using conn = await place.dial();
        await send(conn, request("GET /"));
        await receiveUpTo(conn, `first${CRLF}`);
      }
      await soon("the source is cancelled", cancelled.promise);
    },
  },
  {
    name:
      "a client that goes before its answer aborts the request, and is no error",
    not: { "over TCP": "only a reset shows it" },
    async run(place) {
      const called = gate();
      const aborted = Promise.withResolvers<unknown>();
      let errors = 0;
      await using _service = await place.serve(async ({ signal }) => {
        called.resolve();
        const reason = await new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve(signal.reason))
        );
        aborted.resolve(reason);
        throw reason;
      }, {
        onError: () => {
          errors++;
          return new Response();
        },
      });
      {
        using conn = await place.dial();
        await send(conn, request("GET /"));
        await soon("the handler is called", called.promise);
      }
      const reason = await soon("the signal is aborted", aborted.promise);
      assertInstanceOf(reason, DOMException);
      assertEquals((reason as DOMException).name, "AbortError");
      if (place.server === "ours") assertEquals(errors, 0);
    },
  },
  ...["GET", "POST"].map((method): Case => ({
    name: `a client that half-closes after a ${method} is answered`,
    not: {
      ...notDeno("a half-close counts as leaving"),
      node: "the same",
    },
    async run(place) {
      await using _service = await place.serve(async (request) =>
        new Response(`got ${await request.text()}`)
      );
      using conn = await place.dial();
      await send(
        conn,
        request(`${method} /`, { "Content-Length": "4" }, "body"),
      );
      if (!place.secure) await conn.closeWrite();
      const text = await receiveUpTo(conn, "got ");
      assertMatch(text, /^HTTP\/1\.1 200 /);
    },
  })),
  {
    name: "a complete response does not abort the signal",
    not: notDeno("each response does"),
    async run(place) {
      let signal: AbortSignal | undefined;
      let completed: Promise<void> | undefined;
      await using _service = await place.serve((request, info) => {
        ({ signal } = request);
        ({ completed } = info);
        return new Response("x");
      });
      await ask(place, request("GET /", LAST));
      await soon("the response is completed", completed!);
      await ask(place, request("GET /", LAST));
      assertEquals(signal!.aborted, false);
    },
  },
  {
    name: "several lines of cookies are one header",
    async run(place) {
      await using _service = await place.serve(({ headers }) =>
        new Response(headers.get("cookie"))
      );
      const { body } = await ask(
        place,
        request("GET /", { ...LAST, Cookie: "a=1, 2\r\nCookie: b=3" }),
      );
      assertEquals(body, "a=1, 2; b=3");
    },
  },
  {
    name:
      "HEAD is answered before the first chunk of its stream, which is cancelled",
    not: { "Deno.serve": "it waits", native: "it waits" },
    async run(place) {
      const cancelled = gate();
      await using _service = await place.serve(() =>
        new Response(
          new ReadableStream({ cancel: () => cancelled.resolve() }),
        )
      );
      using conn = await place.dial();
      for (let i = 0; i < 2; i++) {
        await send(conn, request("HEAD /"));
        assertMatch(await receiveUpTo(conn, CRLF + CRLF), / 200 /);
        await soon("the stream is cancelled", cancelled.promise);
      }
    },
  },
  {
    name: "HEAD has GET's content length, and empty bodies have 0",
    async run(place) {
      await using _service = await place.serve((request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/redirect") {
          return Response.redirect("http://a/", 302);
        }
        return new Response(pathname === "/empty" ? null : "12345");
      });
      const lengths = [["GET /", "5"], ["HEAD /", "5"], ["GET /empty", "0"]];
      for (const [line, length] of [...lengths, ["GET /redirect", "0"]]) {
        const { head } = await ask(place, request(line!, LAST));
        assertEquals(/^content-length: (\d+)$/im.exec(head)?.[1], length, line);
      }
    },
  },
  {
    name: "a malformed chunk is refused before the handler runs",
    not: notDeno("the handler runs, and cannot read the body"),
    async run(place) {
      let calls = 0;
      await using _service = await place.serve(() => {
        calls++;
        return new Response();
      });
      const { head } = await ask(
        place,
        request("POST /", { "Transfer-Encoding": "chunked" }, "zz\r\n\r\n"),
      );
      assertMatch(head, /^HTTP\/1\.1 400 /);
      assertEquals(calls, 0);
    },
  },
  {
    name:
      "the response to a request with Upgrade is the last on its connection",
    not: notDeno("it reads on"),
    async run(place) {
      await using _service = await place.serve(() => new Response("last"));
      const { head, body } = await ask(
        place,
        request("GET /", { Connection: "upgrade", Upgrade: "x" }),
      );
      assertMatch(head, /^connection: close$/im);
      assertEquals(body, "last");
    },
  },
  {
    name: "a client that pipelines without reading does not hold up others",
    async run(place) {
      let flood: Promise<void> | undefined;
      {
        let calls = 0;
        await using _service = await place.serve(() => {
          calls++;
          return new Response("x".repeat(1_000));
        }, { drainTimeoutMs: 100 });
        using flooding = await place.dial();
        flood = send(flooding, request("GET /").repeat(30_000)).catch(() => {});
        await eventually(
          "the flood is handled",
          () => calls,
          (count) => count > 0,
        );
        for (let i = 0; i < 5; i++) {
          const asked = ask(place, request("GET /", LAST));
          const { head } = await soon("another client is answered", asked, {
            within: 2_000,
          });
          assertMatch(head, /^HTTP\/1\.1 200 /);
        }
        assert(calls < 20_000, `${calls} requests were handled`);
        flooding.close();
        const after = calls;
        await ask(place, request("GET /", LAST));
        assert(
          calls < after + 1_000,
          "requests of a closed connection are handled",
        );
      }
      // A write of Deno outlasts its connection: it ends when the server closes.
      await soon("the flood has ended", flood);
    },
  },
  {
    name:
      "a client that goes in the middle of its body makes reading that fail",
    async run(place) {
      const called = gate();
      const failure = Promise.withResolvers<unknown>();
      await using _service = await place.serve(async (request) => {
        called.resolve();
        await request.text().catch(failure.resolve);
        return new Response();
      });
      {
        using conn = await place.dial();
        await send(conn, request("POST /", { "Content-Length": "9" }, "1234"));
        await soon("the handler is called", called.promise);
      }
      const error = await soon("reading fails", failure.promise);
      assertInstanceOf(error, Error);
    },
  },
  {
    name: "onError makes the response of a handler that failed",
    async run(place) {
      const seen: unknown[] = [];
      await using _service = await place.serve(({ url }) => {
        if (url.endsWith("/none")) return undefined as unknown as Response;
        throw new Error("secret");
      }, {
        onError(error) {
          seen.push(error);
          return new Response("told", { status: 503 });
        },
      });
      for (const path of ["/throw", "/none"]) {
        const { head, body } = await ask(place, request(`GET ${path}`, LAST));
        assertMatch(head, /^HTTP\/1\.1 503 /);
        assertEquals(body, "told");
      }
      assertMatch(String(seen[0]), /secret/);
      assertMatch(String(seen[1]), /^TypeError: .*response/i);
    },
  },
  {
    name: "a body that fails before its first byte becomes status 500",
    not: notDeno("it has sent the head by then"),
    async run(place) {
      await using _service = await place.serve(() =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.error(new Error("secret")),
          }),
        )
      );
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^HTTP\/1\.1 500 Internal Server Error\r/);
      assertEquals(body, "Internal Server Error\n");
    },
  },
  {
    name: "a body that fails midway cuts the connection",
    async run(place) {
      const source = gate();
      await using _service = await place.serve(() => {
        let isFirst = true;
        return new Response(
          new ReadableStream({
            async pull(controller) {
              if (isFirst) {
                isFirst = false;
                return controller.enqueue(encoder.encode("first"));
              }
              await source.promise;
              throw new Error("secret");
            },
          }),
        );
      });
      using conn = await place.dial();
      await send(conn, request("GET /"));
      await receiveUpTo(conn, `first${CRLF}`);
      source.resolve();
      assertEquals(await receiveRest(conn), "");
    },
  },
  ...["null", "6.0", "0x6", "+6", "5", "999"].map((length): Case => ({
    name: `a text with "content-length: ${length}" has its own length`,
    not: { node: "without internals, the length of the handler counts" },
    async run(place) {
      await using _service = await place.serve(() =>
        new Response("123456", { headers: { "content-length": length } })
      );
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^content-length: 6$/im);
      assertEquals(body, "123456");
    },
  })),
  ...["null", "6.0", "0x6", "+6", "6, 6"].map((length): Case => ({
    name: `a stream with "content-length: ${length}" is sent in chunks`,
    not: { node: "a short stream has a length" },
    async run(place) {
      await using _service = await place.serve(() =>
        new Response(new Source(6, 1).stream, {
          headers: { "content-length": length },
        })
      );
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^transfer-encoding: chunked$/im);
      assertEquals(/^content-length:/im.test(head), false, head);
      assertEquals(body, "6\r\naaaaaa\r\n0\r\n\r\n");
    },
  })),
  {
    name: "a stream that is longer than its Content-Length becomes status 500",
    not: {
      ...notDeno("it cuts the connection after the head"),
      node: "the same",
    },
    async run(place) {
      await using _service = await place.serve(() =>
        new Response(new Source(6, 2).stream, {
          headers: { "content-length": "5", "set-cookie": "secret" },
        })
      );
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^HTTP\/1\.1 500 /);
      assertEquals(/secret/.test(head), false, head);
      assertMatch(head, /^content-length: 22$/im);
      assertEquals(body, "Internal Server Error\n");
    },
  },
  {
    name: "a stream that is shorter than its Content-Length is cut off",
    not: { node: "it becomes status 500" },
    async run(place) {
      await using _service = await place.serve(() =>
        new Response(new Source(6, 2).stream, {
          headers: { "content-length": "999" },
        })
      );
      using conn = await place.dial();
      await send(conn, request("GET /"));
      assertMatch(await receiveRest(conn), /\r\n\r\na*$/);
    },
  },
  {
    name: "a response whose body was read before becomes status 500",
    not: { "Deno.serve": "Deno 2.9.4 exits" },
    async run(place) {
      await using _service = await place.serve(async () => {
        const response = new Response("once");
        await response.text();
        return response;
      });
      const { head } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^HTTP\/1\.1 500 /);
    },
  },
  {
    name: "100 Continue is said when the handler reads the body",
    async run(place) {
      await using _service = await place.serve(async (request) =>
        new Response(await request.text())
      );
      using conn = await place.dial();
      await send(
        conn,
        request("POST /", { "Content-Length": "4", "Expect": "100-continue" }),
      );
      assertEquals(
        await receiveUpTo(conn, CRLF + CRLF),
        `HTTP/1.1 100 Continue${CRLF}${CRLF}`,
      );
      await send(conn, "body");
      const text = await receiveUpTo(conn, `${CRLF}body`);
      assertMatch(text, /^HTTP\/1\.1 200 OK/);
    },
  },
  {
    name:
      "a body that was not asked for need not be sent, and ends the connection",
    not: notDeno("it always asks for the body"),
    async run(place) {
      await using _service = await place.serve(() =>
        new Response("too much", { status: 413 })
      );
      const { head, body } = await ask(
        place,
        request("POST /", { "Content-Length": "4", "Expect": "100-continue" }),
      );
      assertMatch(head, /^HTTP\/1\.1 413 /);
      assertMatch(head, /^connection: close$/im);
      assertEquals(body, "too much");
    },
  },
  ...["nothing of", "a part of"].map((what): Case => ({
    name:
      `after a handler that read ${what} a body, the next request is served`,
    not: notDeno("it closes the connection"),
    async run(place) {
      await using _service = await place.serve(async ({ url, body }) => {
        if (what === "a part of") {
          const reader = body?.getReader();
          await reader?.read();
          reader?.releaseLock();
        }
        return new Response(`answer to ${new URL(url).pathname}`);
      });
      using conn = await place.dial();
      const size = 4 * MIB;
      const sending = (async () => {
        await send(
          conn,
          request("POST /1", { "Content-Length": `${size}` }),
        );
        await send(conn, new Uint8Array(size));
        await send(conn, request("GET /2", LAST));
      })();
      const [text] = await Promise.all([receiveAllText(conn), sending]);
      assertMatch(text, /answer to \/1HTTP\/1\.1 200 OK[^]*answer to \/2$/);
    },
  })),
  ...["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "HEAD"].map((
    method,
  ): Case => ({
    name: `the body of a ${method} without content`,
    async run(place) {
      await using _service = await place.serve(({ body }) =>
        new Response(null, { headers: { "x-body": `${body}` } })
      );
      const { head } = await ask(place, request(`${method} /`, LAST));
      const expected = /GET|HEAD/.test(method)
        ? "null"
        : "[object ReadableStream]";
      assertEquals(/^x-body: (.*)$/im.exec(head)?.[1], expected);
    },
  })),
  {
    name: "the headers of a request are immutable",
    not: { node: "without internals, they are those of a new Request" },
    async run(place) {
      await using _service = await place.serve(({ headers }) => {
        headers.set("x-y", "z");
        return new Response();
      }, { onError: (error) => new Response(`${error}`) });
      const { body } = await ask(place, request("GET /", LAST));
      assertStringIncludes(body, "TypeError: Cannot change headers");
    },
  },
  ...["a text", "a stream"].map((what): Case => ({
    name: `${what} of a Response that was sent cannot be sent again`,
    not: what === "a text"
      ? { node: "without internals, its body is still unread" }
      : undefined,
    async run(place) {
      const response = new Response(
        what === "a text" ? "sent" : new Blob(["sent"]).stream(),
      );
      let errors = 0;
      await using _service = await place.serve(() => response, {
        onError() {
          errors++;
          return new Response("not again", { status: 500 });
        },
      });
      assertStringIncludes(
        (await ask(place, request("GET /", LAST))).body,
        "sent",
      );
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^HTTP\/1\.1 500 /);
      assertEquals(body, "not again");
      assertEquals(errors, 1);
    },
  })),
  ...["as it is", "as a clone"].map((how): Case => ({
    name: `a compressed response of fetch(), passed on ${how}, is readable`,
    async run(place) {
      const zipped = await new Response(
        new Blob(["text ".repeat(100)]).stream()
          .pipeThrough(new CompressionStream("gzip")),
      ).bytes();
      await using upstream = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response(zipped, { headers: { "content-encoding": "gzip" } }),
      );
      await using _service = await place.serve(async () => {
        const { port } = upstream.addr;
        const response = await fetch(`http://127.0.0.1:${port}`);
        if (how === "as it is") return response;
        const copy = response.clone();
        void response.body?.cancel();
        return copy;
      });
      const { head, body } = await ask(place, request("GET /", LAST));
      assertMatch(head, /^HTTP\/1\.1 200 /);
      assertEquals(/^content-encoding:/im.test(head), false, head);
      assertStringIncludes(body, "text ".repeat(100));
    },
  })),
  {
    name: "the time for the next request is announced",
    not: {
      ...notDeno("it leaves it to the client"),
      node: "it announces its own time",
    },
    async run(place) {
      await using _service = await place.serve(() => new Response("x"));
      using conn = await place.dial();
      await send(conn, request("GET /"));
      const head = await receiveUpTo(conn, CRLF + CRLF + "x");
      assertMatch(head, /^keep-alive: timeout=75\r$/m);
    },
  },
  {
    name:
      "shutdown closes idle connections, and lets responses come to their end",
    async run(place) {
      const inHandler = gate();
      const goOn = gate();
      await using service = await place.serve(async ({ url }) => {
        if (url.endsWith("/idle")) return new Response("idle");
        inHandler.resolve();
        await goOn.promise;
        return new Response("done");
      });
      using idle = await place.dial();
      await send(idle, request("GET /idle"));
      await receiveUpTo(idle, `${CRLF}idle`);
      using busy = await place.dial();
      await send(busy, request("GET /busy"));
      await soon("the handler is called", inHandler.promise);

      const stopped = service.shutdown();
      assertEquals(await receiveRest(idle), "");
      goOn.resolve();
      const text = await receiveAllText(busy);
      if (place.server === "ours") {
        assertMatch(text, /^connection: close\r$/im);
      }
      assert(text.endsWith(`${CRLF}done`), text);
      await soon("the service has stopped", stopped);
      await soon("the service has finished", service.finished);
    },
  },
  {
    name: "a large response is sent to its end during a shutdown",
    not: { node: "without internals, it is sent in chunks" },
    async run(place) {
      const size = 8 * MIB;
      await using service = await place.serve(() =>
        new Response(new Uint8Array(size))
      );
      using conn = await place.dial();
      await send(conn, request("GET /"));
      await receiveUpTo(conn, CRLF + CRLF);
      const stopped = service.shutdown();
      assertEquals((await receive(conn, size)).length, size);
      assertEquals(await receiveRest(conn), "");
      await soon("the service has stopped", stopped);
    },
  },
  {
    name: "a client that has just connected is served during a shutdown",
    not: { "Deno.serve": "it closes new connections" },
    async run(place) {
      const inHandler = gate();
      const goOn = gate();
      await using service = await place.serve(async ({ url }) => {
        if (url.endsWith("/first")) {
          inHandler.resolve();
          await goOn.promise;
        }
        return new Response("heard");
      });
      using idle = await place.dial();
      await send(idle, request("GET /idle"));
      await receiveUpTo(idle, `${CRLF}heard`);
      using fresh = await place.dial();
      using busy = await place.dial();
      // Connections are accepted in order: by now the first one is, too.
      await send(busy, request("GET /first"));
      await soon("the handler is called", inHandler.promise);
      const stopped = service.shutdown();
      await send(fresh, request("GET /second"));
      assert((await receiveAllText(fresh)).endsWith("heard"));
      assertEquals(await receiveRest(idle), "");
      assertEquals(await isRefused(place), true);
      goOn.resolve();
      await receiveAllText(busy);
      await soon("the service has stopped", stopped);
    },
  },
  {
    name: "a shutdown closes each kept-alive connection with its next response",
    not: { "Deno.serve": "it closes at once", node: "the same" },
    async run(place) {
      await using service = await place.serve(() => new Response("heard"));
      using client = await place.dial();
      await send(client, request("GET /"));
      assertEquals(
        (await receiveUpTo(client, `${CRLF}heard`)).includes("connection"),
        false,
      );
      const stopped = service.shutdown();
      await send(client, request("GET /"));
      assertMatch(
        await receiveAllText(client),
        /^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*heard$/,
      );
      await soon("the service has stopped", stopped);
    },
  },
  {
    name:
      "a response that began before a shutdown is sent whole, and another after it",
    not: { "Deno.serve": "it closes at once", node: "the same" },
    async run(place) {
      const goOn = gate();
      await using service = await place.serve(({ url }) =>
        url.endsWith("/other") ? new Response("other") : new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue(encoder.encode("one"));
              await goOn.promise;
              controller.enqueue(encoder.encode("two"));
              controller.close();
            },
          }),
        )
      );
      using client = await place.dial();
      await send(client, request("GET /"));
      await receiveUpTo(client, "one");
      const stopped = service.shutdown();
      goOn.resolve();
      await receiveUpTo(client, `0${CRLF}${CRLF}`);
      await send(client, request("GET /other"));
      assertMatch(
        await receiveAllText(client),
        /connection: close\r\n[^]*other$/,
      );
      await soon("the service has stopped", stopped);
    },
  },
  {
    name: "a silent client of HTTP/2 does not delay a shutdown",
    not: {
      "Deno.serve": "it waits for the client",
      ours: "it has no HTTP/2",
      node: "the same",
    },
    async run(place) {
      await using service = await place.serve(() => new Response("x"));
      // The preface, empty settings, and a request whose headers are GET / of the
      // static table, and the authority "a" (RFC 7541, appendix A).
      const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
      const get = "\0\0\x06\x01\x05\0\0\0\x01\x82\x84\x86\x01\x01a";
      const bytes = (text: string) =>
        Uint8Array.from(text, (character) => character.charCodeAt(0));
      using unused = await place.dial();
      await send(unused, bytes(preface));
      using used = await place.dial();
      await send(used, bytes(preface + get));
      await receiveUpTo(used, "x");
      await soon("the service has stopped", service.shutdown(), {
        within: 3_000,
      });
    },
  },
  {
    name: "an error response to a failed onError, and to what is no response",
    not: { "Deno.serve": "Deno 2.9.4 exits" },
    async run(place) {
      let answer = (): Response | Promise<Response> => new Response("x");
      let onError = (): Response | Promise<Response> => new Response("x");
      await using _service = await place.serve(() => answer(), {
        onError: () => onError(),
      });
      const nothing = () => undefined as unknown as Response;
      const throws = () => {
        throw new Error("it fails");
      };
      const rejects = () => Promise.reject(new Error("it fails"));
      const later = () => Promise.resolve(nothing());
      const used = async () => {
        const response = new Response("x");
        await response.text();
        return response;
      };
      for (const failing of [nothing, throws, rejects, later, used]) {
        for (const failingToo of [nothing, throws, rejects, later, used]) {
          answer = failing;
          onError = failingToo;
          const { head, body } = await ask(place, request("GET /", LAST));
          assertMatch(head, /^HTTP\/1\.1 500 /);
          assertEquals(body.trim(), "Internal Server Error");
        }
      }
    },
  },
  {
    name: "a program may replace the global Response",
    not: { "Deno.serve": "it takes what the program calls so" },
    async run(place) {
      const { Response: Real } = globalThis;
      class Replaced {
        status = 200;
      }
      Object.setPrototypeOf(Replaced, Real);
      Object.setPrototypeOf(Replaced.prototype, Real.prototype);
      globalThis.Response = Replaced as unknown as typeof Response;
      try {
        let answer = (): Response => new Real("real");
        await using _service = await place.serve(() => answer());
        assertMatch((await ask(place, request("GET /", LAST))).body, /^real$/);
        for (const isLater of [false, true]) {
          answer = isLater
            ? () => Promise.resolve(new Response("x")) as unknown as Response
            : () => new Response("x");
          const { head } = await ask(place, request("GET /", LAST));
          assertMatch(head, /^HTTP\/1\.1 500 /);
        }
      } finally {
        globalThis.Response = Real;
      }
    },
  },
  {
    name: "a body that is announced as too long is refused, and not received",
    not: {
      "Deno.serve": "it has no such option",
      node: "it receives what has been sent",
    },
    async run(place) {
      let calls = 0;
      await using _service = await place.serve(() => {
        calls++;
        return new Response("handled");
      }, { maxBodyBytes: 10, onError: () => new Response("it is no error") });
      using conn = await place.dial();
      await send(
        conn,
        request("POST /", { "Content-Length": `${1024 * MIB}` }),
      );
      const head = await receiveUpTo(conn, CRLF + CRLF);
      assertMatch(head, /^HTTP\/1\.1 413 [^]*connection: close/i);
      assertEquals(calls, 0);
      // Ours discards for a time first: parser_server_test.ts has the end of that.
      if (place.server === "ours") return;
      let sent = 0;
      await assertRejects(async () => {
        for (;; sent++) await send(conn, new Uint8Array(MIB));
      });
      if (place.server === "native") assert(sent < 500, `it takes ${sent} MiB`);
    },
  },
  {
    name: "a body of chunks that is too long fails in the handler",
    not: { "Deno.serve": "it has no such option" },
    async run(place) {
      await using _service = await place.serve(
        async (request) => {
          const bytes = request.url.endsWith("/text")
            ? await request.text()
            : new TextDecoder().decode(await request.bytes());
          return new Response(bytes);
        },
        { maxBodyBytes: 10 },
      );
      const chunked = { ...LAST, "Transfer-Encoding": "chunked" };
      for (const path of ["/text", "/bytes"]) {
        for (const size of [10, 11]) {
          const body = `5${CRLF}abcde${CRLF}${size - 5}${CRLF}${
            "x".repeat(size - 5)
          }${CRLF}0${CRLF}${CRLF}`;
          const answer = await ask(
            place,
            request(`POST ${path}`, chunked, body),
          );
          assertMatch(answer.head, size === 10 ? / 200 / : / 413 /);
          if (size === 10) assertEquals(answer.body, "abcdexxxxx");
        }
      }
    },
  },
  {
    name: "a client that announces 100 GB does not take them",
    not: { "Deno.serve": "Deno 2.9.4 aborts" },
    async run(place) {
      const called = gate();
      await using _service = await place.serve(async (request) => {
        called.resolve();
        return new Response(await request.text());
      }, { maxBodyBytes: 0, onError: () => new Response("gone") });
      {
        using conn = await place.dial();
        await send(
          conn,
          request("POST /", { "Content-Length": "100000000000" }, "some"),
        );
        await soon("the handler is called", called.promise);
      }
      const { body } = await ask(
        place,
        request("POST /", { ...LAST, "Content-Length": "4" }, "text"),
      );
      assertEquals(body, "text");
    },
  },
  {
    name: "control characters in a header of a response are an error",
    not: { "Deno.serve": "it panics" },
    async run(place) {
      let headers: HeadersInit = {};
      await using _service = await place.serve(({ url }) =>
        new Response(url.endsWith("/stream") ? new Blob(["x"]).stream() : "x", {
          headers,
        })
      );
      for (const path of ["/", "/stream"]) {
        for (const character of ["\x01", "\x1f", "\x7f"]) {
          for (const name of ["x-y", "content-type"]) {
            headers = { [name]: `a${character}b` };
            const { head } = await ask(place, request(`GET ${path}`, LAST));
            assertMatch(head, /^HTTP\/1\.1 500 /);
          }
        }
        headers = { "x-y": "a\tb" };
        const { head } = await ask(place, request(`GET ${path}`, LAST));
        assertMatch(head, /^HTTP\/1\.1 200 [^]*x-y: a\tb\r\n/i);
      }
    },
  },
  {
    name:
      "Deno.upgradeWebSocket() in a handler is an error that names the other",
    not: {
      "Deno.serve": "it upgrades the connection",
      ours: "its error is that of Deno",
      node: "the same",
    },
    async run(place) {
      let caught: unknown;
      await using _service = await place.serve((request) => {
        try {
          return Deno.upgradeWebSocket(request).response;
        } catch (error) {
          caught = error;
          throw error;
        }
      });
      using client = await place.dial();
      const handshake = {
        ...{ Connection: "Upgrade", Upgrade: "websocket" },
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      };
      await send(client, request("GET /", handshake));
      await receiveUpTo(client, "HTTP/1.1 500 Internal Server Error");
      assertStringIncludes(
        `${caught}`,
        "use upgradeWebSocket() and the option",
      );
    },
  },
  {
    name: "a client that sends nothing does not delay a shutdown",
    async run(place) {
      await using service = await place.serve(() => new Response("x"));
      using silent = await place.dial();
      assertMatch((await ask(place, request("GET /", LAST))).head, / 200 /);
      await soon("the service has stopped", service.shutdown(), {
        within: 5_000,
      });
      assertEquals(await receiveRest(silent), "");
    },
  },
  {
    name: "a response that outlasts drainTimeoutMs is cut off",
    not: { "Deno.serve": "it has no such option" },
    async run(place) {
      const stop = new AbortController();
      const source = new Source(64 * 1024);
      await using service = await place.serve(
        () => new Response(source.stream),
        { drainTimeoutMs: 50, signal: stop.signal },
      );
      using conn = await place.dial();
      await send(conn, request("GET /"));
      await receiveUpTo(conn, CRLF + CRLF);
      stop.abort();
      await soon("the service has stopped", service.finished);
      assert(source.cancelled !== undefined, "the source was not cancelled");
      assert(await isRefused(place), "the socket is still listened on");
    },
  },
];

/** Waits until a number has moved, and then has not moved for a while. */
async function untilSteady(read: () => number): Promise<void> {
  let before = -1;
  let same = 0;
  await eventually("it has come to rest", () => {
    const now = read();
    same = now > 0 && now === before ? same + 1 : 0;
    before = now;
    return same;
  }, (same) => same >= 10);
}
