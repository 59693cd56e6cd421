/** The HTTP suite: how responses are sent, and failures of the handler. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { ServeHandler } from "../../serve/mod.ts";
import { soon, untilSteady } from "../support/eventually.ts";
import { receiveAll, receiveUpTo } from "../support/peer.ts";
import {
  ask,
  assertFailure,
  CRLF,
  dialWith,
  gate,
  GET,
  type Kind,
  LAST,
  receiveRest,
  request,
  Source,
  streamOf,
  test,
} from "./http_case.ts";

test(
  "HEAD is answered before the first chunk of its stream, which is cancelled",
  { Deno: "it waits" },
  async (place) => {
    const cancelled = gate();
    await using _service = await place.serve(() =>
      new Response(new ReadableStream({ cancel: () => cancelled.resolve() }))
    );
    const heads = request("HEAD /") + request("HEAD /");
    using conn = await dialWith(place, heads);
    await receiveUpTo(conn, CRLF + CRLF);
    assertMatch(await receiveUpTo(conn, CRLF + CRLF), / 200 /);
    await soon("the stream is cancelled", cancelled.promise);
  },
);

test("HEAD has GET's content length, and empty bodies have 0", async (place) => {
  await using _service = await place.serve(({ url }) =>
    url.endsWith("/") ? new Response("12é") : Response.redirect("http://a/")
  );
  for (const [line, length] of [["HEAD /", 4], ["GET /redirect", 0]] as const) {
    const { head } = await ask(place, request(line, LAST));
    assertStringIncludes(head.toLowerCase(), `content-length: ${length}\r\n`);
  }
});

test("each cookie has a line, and framing headers of the handler are ignored", {
  Deno: "it sends the headers of the handler",
}, async (place) => {
  await using _service = await place.serve(() =>
    new Response(new Source(1, 2).stream, {
      statusText: "Ignored",
      headers: [
        ...[["set-cookie", "a=1, 2"], ["set-cookie", "b=3"]],
        ...[["transfer-encoding", "gzip"], ["connection", "x-hop, close"]],
        ...[["keep-alive", "timeout=9999"], ["x-kept", "é"]],
      ] as [string, string][],
    })
  );
  using conn = await dialWith(place, request("GET /"));
  const text = new TextDecoder("latin1").decode(await receiveAll(conn));
  assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
  assertMatch(text, /^set-cookie: a=1, 2\r\nset-cookie: b=3\r$/im);
  if (place.server === "ours") {
    assertMatch(text, /^transfer-encoding: chunked\r$/im);
    assertStringIncludes(text, "x-kept: é\r\n");
  }
  assertEquals(/gzip|x-hop|9999/.test(text), false, text);
});

test("a stream that is shorter than its Content-Length is cut off", {
  node: "it becomes status 500",
}, async (place) => {
  const headers = { "content-length": "999" };
  await using _service = await place.serve(() =>
    new Response(new Source(6, 2).stream, { headers })
  );
  using conn = await dialWith(place, request("GET /"));
  assertMatch(await receiveRest(conn), /\r\n\r\na*$/);
});

test("a response is read from its source as the client receives it", async (place) => {
  const chunks = 512;
  const source = new Source(64 * 1024, chunks);
  await using _service = await place.serve(() => new Response(source.stream));
  using conn = await dialWith(place, GET);
  await receiveUpTo(conn, CRLF + CRLF);
  await untilSteady(() => source.pulls);
  assert(source.pulls < chunks / 2, `${source.pulls} chunks were read`);
  const bytes = await receiveAll(conn);
  assertEquals(source.pulls, chunks + 1);
  assert(bytes.length > chunks * 64 * 1024);
  const end = new TextDecoder().decode(bytes.slice(-7));
  assertEquals(end, `${CRLF}0${CRLF}${CRLF}`);
});

test("a compressed response of fetch(), also a clone, is readable", async (place) => {
  const zipped = await new Response(
    new Blob(["text ".repeat(100)]).stream()
      .pipeThrough(new CompressionStream("gzip")),
  ).bytes();
  await using upstream = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(zipped, { headers: { "content-encoding": "gzip" } }),
  );
  await using _service = await place.serve(async ({ url }) => {
    const response = await fetch(`http://127.0.0.1:${upstream.addr.port}`);
    if (!url.endsWith("/clone")) return response;
    const copy = response.clone();
    void response.body?.cancel();
    return copy;
  });
  for (const path of ["/", "/clone"]) {
    const { head, body } = await ask(place, request(`GET ${path}`, LAST));
    assertMatch(head, /^HTTP\/1\.1 200 /);
    assertEquals(/^content-encoding:/im.test(head), false, head);
    assertStringIncludes(body, "text ".repeat(100));
  }
});

const HANDSHAKE = request("GET /", {
  ...{ Connection: "Upgrade, close", Upgrade: "websocket" },
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
});

test("onError makes the response of a handler that failed", async (place) => {
  let handler: ServeHandler;
  let error: unknown;
  await using _service = await place.serve((...args) => handler(...args), {
    onError(thrown) {
      error = thrown;
      return new Response("reported", { status: 503 });
    },
  });
  const text = new Response("sent");
  const stream = new Response(new Blob(["sent"]).stream());
  for (const response of [text, stream]) {
    handler = () => response;
    assertStringIncludes((await ask(place)).body, "sent");
  }
  const failing: [ServeHandler, RegExp, not?: Kind["server"]][] = [
    [() => Promise.reject(new Error("secret")), /^Error: secret$/],
    [() => undefined as unknown as Response, /^TypeError: .*response/i],
    [() => stream, /^TypeError: /],
    // Without internals, it is still unread.
    [() => text, /^TypeError: /, "node"],
    [
      (request) => Deno.upgradeWebSocket(request).response,
      /use upgradeWebSocket\(\) and the option/,
      "Deno.serve",
    ],
  ];
  for (const [each, message, not] of failing) {
    if (not === place.server) continue;
    handler = each;
    const { head, body } = await ask(place, HANDSHAKE);
    assertMatch(head, /^HTTP\/1\.1 503 /);
    assertEquals(body, "reported");
    assertMatch(`${error}`, message);
  }
});

/** Handlers whose result cannot be sent, at once and later. */
const FAILING: Record<string, () => Response | Promise<Response>> = {
  "returns nothing": () => undefined as unknown as Response,
  "resolves to nothing": () => Promise.resolve() as unknown as Response,
  throws() {
    throw new Error("it fails");
  },
  rejects: () => Promise.reject(new Error("it fails")),
  async "returns a used body"() {
    const response = new Response("x");
    await response.text();
    return response;
  },
  "returns a control character": () =>
    new Response("x", { headers: { "x-y": "a\x01b" } }),
  "resolves to a control character": () =>
    Promise.resolve(new Response("x", { headers: { "content-type": "\x7f" } })),
  "returns a control character and a stream": () =>
    new Response(new Source(1, 1).stream, { headers: { "x-y": "a\x1fb" } }),
};

/** Responses that cannot be sent, which others know only after the first byte. */
const FAILING_LATER: typeof FAILING = {
  "returns a stream that fails": () =>
    new Response(streamOf([], () => Promise.reject(new Error("secret"))), {
      headers: { "set-cookie": "secret" },
    }),
  "returns a stream that is longer than its Content-Length": () =>
    new Response(new Source(6, 2).stream, {
      headers: { "content-length": "5", "set-cookie": "secret" },
    }),
};

test("a handler and an onError that fail are answered by the service", {
  "Deno.serve": "Deno 2.9.4 exits or panics",
}, async (place) => {
  let respond = FAILING.throws!;
  await using _service = await place.serve(() => respond(), {
    onError: () => respond(),
  });
  const all = Object.entries({ ...FAILING, ...FAILING_LATER });
  const unknown = { native: -2, node: -1 }[place.server as string];
  for (const [how, failing] of all.slice(0, unknown)) {
    respond = failing;
    try {
      assertFailure(await ask(place));
    } catch (cause) {
      throw new Error(`A handler that ${how}: ${cause}`, { cause });
    }
  }
});

test("a body that fails midway cuts the connection", async (place) => {
  let source = gate();
  await using _service = await place.serve(() =>
    new Response(streamOf(["first"], (i) => i === 1 ? source.promise : 0))
  );
  using conn = await dialWith(place, request("GET /"));
  await receiveUpTo(conn, `first${CRLF}`);
  source.reject(new Error("secret"));
  assertEquals(await receiveRest(conn), "");

  // To a client of HTTP/1.0 only a reset shows it.
  if (place.server !== "ours" || !place.isTcp) return;
  source = gate();
  using old = await dialWith(place, "GET / HTTP/1.0\r\n\r\n");
  await receiveUpTo(old, "first");
  source.reject(new Error("secret"));
  const { UnexpectedEof, ConnectionReset } = Deno.errors;
  await assertRejects(
    () => receiveAll(old),
    place.secure ? UnexpectedEof : ConnectionReset,
  );
});

test("a program may replace the global Response", {
  "Deno.serve": "it accepts every object of that class",
}, async (place) => {
  const { Response: Real } = globalThis;
  class Replaced {
    status = 200;
  }
  Object.setPrototypeOf(Replaced, Real);
  Object.setPrototypeOf(Replaced.prototype, Real.prototype);
  globalThis.Response = Replaced as unknown as typeof Response;
  try {
    let respond = () => new Real("real");
    await using _service = await place.serve(() => respond());
    assertEquals((await ask(place)).body, "real");
    respond = () => new Response("x");
    assertFailure(await ask(place));
  } finally {
    globalThis.Response = Real;
  }
});
