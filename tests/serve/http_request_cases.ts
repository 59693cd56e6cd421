/** The HTTP suite: which requests are handled, as which `Request`, and their bodies. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { soon, untilSteady } from "../support/eventually.ts";
import { receive, receiveAllText, receiveUpTo, send } from "../support/peer.ts";
import {
  ask,
  CRLF,
  dialWith,
  gate,
  LAST,
  MIB,
  receiveRest,
  request,
  test,
  upload,
} from "./http_case.ts";

const CHUNKED = { "Transfer-Encoding": "chunked" };

test("the handler gets method, URL, headers, body and the client's address", async (place) => {
  let completed: Promise<void> | undefined;
  let signal: AbortSignal | undefined;
  let seen: unknown;
  await using service = await place.serve(async (request, info) => {
    const { method, url, headers } = request;
    const { transport, ...where } = info.remoteAddr as Deno.NetAddr;
    ({ completed } = info);
    ({ signal } = request);
    seen = {
      ...{ method, url, transport, hostname: where.hostname },
      ...{ many: headers.get("x-many"), host: headers.get("host") },
    };
    return new Response(await request.text());
  });
  const headers = {
    ...LAST,
    "X-Many": "1\r\nx-many: 2",
    "Content-Length": "5",
  };
  const text = request("PUT /path?query", headers, "bytes");
  assertEquals((await ask(place, text)).body, "bytes");
  const { transport } = service.addr;
  assertEquals(seen, {
    ...{ method: "PUT", many: "1, 2", host: "test.example", transport },
    url: `http${place.secure ? "s" : ""}://test.example/path?query`,
    hostname: transport === "tcp" ? "127.0.0.1" : undefined,
  });
  await soon("the response is completed", completed!);
  // With Deno's own server each response aborts it.
  assertEquals(signal!.aborted, place.isDeno);
});

test("the URL has the target, normalized, and the host, if it can be one", async (place) => {
  await using _service = await place.serve(({ url, headers }) =>
    new Response(`${url} ${headers.get("host")}`)
  );
  const scheme = place.secure ? "https" : "http";
  const urlOf = async (line: string, Host = "a") => {
    const { body } = await ask(place, request(line, { ...LAST, Host }));
    assert(body.endsWith(` ${Host}`), body);
    return body.slice(0, -1 - Host.length);
  };
  for (
    const [target, url] of [
      ["/", `${scheme}://a/`],
      ["/a/../b?x=1&y=%20", `${scheme}://a/b?x=1&y=%20`],
      ["//other.example/path", `${scheme}://a//other.example/path`],
      ["http://other.example:81/a?q", "http://other.example:81/a?q"],
    ] as const
  ) assertEquals(new URL(await urlOf(`GET ${target}`)).href, url);
  assertEquals(await urlOf("OPTIONS *"), `${scheme}://a/*`);
  const { body } = await ask(place, `GET /p HTTP/1.0${CRLF}${CRLF}`);
  assertMatch(body, /^https?:\/\/localhost(:\d+)?\/p null$/);
  // Deno's own server has it in the URL as it is.
  if (place.isDeno) return;
  const whole = await urlOf("GET HTTP://OTHER.example:80/a/../b");
  assertEquals(whole, "http://other.example/b");
  // Clients of unix sockets send the first.
  for (const host of ["%2Frun%2Fx.sock", "a/b?", "user@a", "a b", "[::1", ""]) {
    assertEquals(await urlOf("GET /p", host), `${scheme}://localhost/p`);
  }
});

const HEAD = `HTTP/1.1\r\nHost: a\r\n`;
/** Requests that every server refuses. */
export const REFUSED = [
  ...["GET", "GET /", "GET x HTTP/1.1", `GET /\0 ${HEAD}`, `GET / ${HEAD}: z`],
  ...["hello", "GET / HTTP/2.0\r\nHost: a", "GET / HTTP/1.2\r\nHost: a"],
  ...["GET / HTTP/0.9\r\nHost: a", `GET / ${HEAD}Host: b`],
  ...[`GET / ${HEAD}X : y`, `GET / ${HEAD}X: a\r\n b`, `GET / ${HEAD}X: a\0b`],
  ...[`POST / ${HEAD}Content-Length: 3x`, `POST / ${HEAD}Content-Length: -1`],
  `POST / ${HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\n1234`,
  `POST / ${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked`,
  `POST / ${HEAD}Transfer-Encoding: chunked, gzip`,
  "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0",
  // 129 headers, and 1 MiB of them.
  `GET / ${HEAD}${"x: \r\n".repeat(127)}x:`,
  `GET / ${HEAD}X: ${"x".repeat(MIB)}`,
];

/** Deno's own server accepts them; it invents a host, and takes headers of 64 KiB. */
const REFUSED_BY_OURS = [
  ...["GET / HTTP/1.1", "GET / HTTP/1.1\nHost: a\n", `GET /é ${HEAD}`],
  `POST / ${HEAD}Transfer-Encoding: chunked\r\n\r\nzz`,
  ...[`FOO / ${HEAD}`, `GET ftp://a/ ${HEAD}`],
  ...[`TRACE / ${HEAD}`, `GET / ${HEAD}X: ${"x".repeat(17 * 1024)}`],
];

test("malformed requests are refused, not handled", async (place) => {
  let calls = 0;
  await using _service = await place.serve(() => {
    calls++;
    return new Response();
  });
  for (const text of [...REFUSED, ...place.isDeno ? [] : REFUSED_BY_OURS]) {
    using conn = await place.dial();
    const sending = send(conn, text + CRLF + CRLF).catch(() => {});
    const line = await receiveUpTo(conn, CRLF);
    const status = text.startsWith("TRACE")
      ? "501"
      : text.length > 10_000
      ? "4.."
      : "400";
    const what = Deno.inspect(text.slice(0, 200));
    assertMatch(line, new RegExp(`^HTTP/1.[01] ${status} `), what);
    await sending;
  }
  assertEquals(calls, 0);
});

test("a client waits while the handler does not read its body, and gets back all of it", async (place) => {
  const read = gate();
  const size = 32 * MIB;
  await using _service = await place.serve(async ({ body }) => {
    await read.promise;
    return new Response(body, { headers: { "content-length": `${size}` } });
  });
  using conn = await dialWith(place, upload(size));
  const chunk = Uint8Array.from({ length: 64 * 1024 }, (_, i) => i % 251);
  let sent = 0;
  const sending = (async () => {
    for (; sent < size; sent += chunk.length) await send(conn, chunk);
  })();
  await untilSteady(() => sent);
  assert(sent < size / 2, `${sent} bytes were received unread`);
  read.resolve();
  await receiveUpTo(conn, CRLF + CRLF);
  for (let received = 0; received < size; received += chunk.length) {
    assertEquals(await receive(conn, chunk.length), chunk);
  }
  await sending;
  assertEquals(await receiveRest(conn), "");
});

test("bodies flow both ways at once, chunk by chunk", async (place) => {
  await using _service = await place.serve(({ body }) => new Response(body));
  const text = request("POST /", { ...LAST, ...CHUNKED });
  using conn = await dialWith(place, text);
  await receiveUpTo(conn, CRLF + CRLF);
  for (const word of ["one", "three", "x".repeat(100)]) {
    const chunk = `${word.length.toString(16)}${CRLF}${word}${CRLF}`;
    await send(conn, chunk);
    assertEquals(await receiveUpTo(conn, word + CRLF), chunk);
  }
  await send(conn, `0${CRLF}${CRLF}`);
  assertEquals(await receiveAllText(conn), `0${CRLF}${CRLF}`);
});

test("reading the body fails when the client disconnects within it, also one of 100 GB", async (place) => {
  const called = gate();
  const failure = Promise.withResolvers<unknown>();
  await using _service = await place.serve(async (request) => {
    called.resolve();
    const text = await request.text().catch(failure.resolve);
    return new Response(text as string);
  }, { maxBodyBytes: 0 });
  {
    // For 100 GB, Deno 2.9.4 aborts.
    const size = place.server === "Deno.serve" ? 9 : 100_000_000_000;
    using _conn = await dialWith(place, upload(size) + "some");
    await soon("the handler is called", called.promise);
  }
  assertInstanceOf(await soon("reading fails", failure.promise), Error);
  assertEquals((await ask(place, upload(4) + "text")).body, "text");
});

test("100 Continue is sent when the handler reads the body, which otherwise need not be sent", async (place) => {
  await using _service = await place.serve(async (request) =>
    request.url.endsWith("/unread")
      ? new Response("too much", { status: 413 })
      : new Response(await request.text())
  );
  const expected = { Expect: "100-continue" };
  using conn = await dialWith(place, upload(4, "/", expected));
  const head = await receiveUpTo(conn, CRLF + CRLF);
  assertEquals(head, `HTTP/1.1 100 Continue${CRLF}${CRLF}`);
  await send(conn, "body");
  assertMatch(await receiveUpTo(conn, `${CRLF}body`), /^HTTP\/1\.1 200 OK/);
  // Deno's own server always asks for the body.
  if (place.isDeno) return;
  const unread = await ask(place, upload(4, "/unread", expected));
  assertMatch(unread.head, /^HTTP\/1\.1 413 [^]*^connection: close\r$/im);
  assertEquals(unread.body, "too much");
});

test(
  "after a handler that read not all of a body, the next request is served",
  { Deno: "it closes the connection" },
  async (place) => {
    await using _service = await place.serve(async ({ url, body }) => {
      if (url.endsWith("/part")) {
        const reader = body!.getReader();
        await reader.read();
        reader.releaseLock();
      }
      return new Response(`answer to ${new URL(url).pathname}`);
    });
    for (const path of ["/none", "/part"]) {
      using conn = await dialWith(place, upload(4 * MIB, path, {}));
      const sending = (async () => {
        await send(conn, new Uint8Array(4 * MIB));
        await send(conn, request("GET /next", LAST));
      })();
      const [text] = await Promise.all([receiveAllText(conn), sending]);
      assertStringIncludes(text, `answer to ${path}HTTP/1.1 200 OK`);
      assert(text.endsWith("answer to /next"), text);
    }
  },
);

test("a body that is announced as too long is refused, and not received", {
  "Deno.serve": "it has no such option",
  node: "it receives the body for a time",
}, async (place) => {
  let calls = 0;
  await using _service = await place.serve(() => {
    calls++;
    return new Response("handled");
  }, { onError: () => new Response("it is no error") });
  using longest = await dialWith(place, upload(128 * MIB));
  assertStringIncludes(await receiveUpTo(longest, CRLF + CRLF), " 200 OK");
  using conn = await dialWith(place, upload(128 * MIB + 1));
  const head = await receiveUpTo(conn, CRLF + CRLF);
  assertMatch(head, /^HTTP\/1\.1 413 [^]*connection: close/i);
  assertEquals(calls, 1);
  // Ours discards for a time first: parser_server_test.ts has the end of that.
  if (place.server === "ours") return;
  let sent = 0;
  await assertRejects(async () => {
    for (;; sent++) await send(conn, new Uint8Array(MIB));
  });
  assert(sent < 128, `it takes ${sent} MiB`);
});

test("a body of chunks that is too long fails in the handler", {
  "Deno.serve": "it has no such option",
}, async (place) => {
  await using _service = await place.serve(
    async (request) =>
      new Response(
        request.url.endsWith("/text")
          ? await request.text()
          : await request.bytes(),
      ),
    { maxBodyBytes: 10 },
  );
  const chunk = (text: string) => `${text.length}${CRLF}${text}${CRLF}`;
  for (const path of ["/text", "/bytes"]) {
    for (const [end, status] of [["vwxyz", 200], ["uvwxyz", 413]] as const) {
      const chunks = chunk("abcde") + chunk(end) + chunk("");
      const text = request(`POST ${path}`, { ...LAST, ...CHUNKED }, chunks);
      const { head, body } = await ask(place, text);
      assertStringIncludes(head, `HTTP/1.1 ${status} `);
      if (status === 200) assertEquals(body, "abcdevwxyz");
    }
  }
});
