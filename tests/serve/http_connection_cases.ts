/** The HTTP suite: several requests on a connection, clients that disconnect, and the stop. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { GRACE_MS } from "../../serve/_http_limits.ts";
import type { RunningHttpServer } from "../../serve/mod.ts";
import { KEY, RENEWED_CERT, RENEWED_KEY } from "../support/certificate.ts";
import { eventually, soon } from "../support/eventually.ts";
import {
  receiveAllText,
  receiveUpTo,
  send,
  sendBlocking,
} from "../support/peer.ts";
import {
  ask,
  CRLF,
  dialWith,
  gate,
  GET,
  MIB,
  receiveRest,
  request,
  Source,
  streamOf,
  test,
  upload,
} from "./http_case.ts";

test("the response to a request with Upgrade is the last on its connection", {
  Deno: "it reads on",
}, async (place) => {
  await using _service = await place.serve(({ body }) => new Response(body));
  const headers = { Connection: "upgrade", Upgrade: "x" };
  using conn = await dialWith(place, upload(4, "/", headers));
  assertMatch(await receiveUpTo(conn, CRLF + CRLF), /^connection: close\r$/im);
  await send(conn, "body");
  assertStringIncludes(await receiveAllText(conn), "body");
});

test("a client that pipelines without reading does not delay others", async (place) => {
  let flood: Promise<void>;
  {
    let calls = 0;
    const stop = new AbortController();
    await using _service = await place.serve(() => {
      calls++;
      return new Response("x".repeat(10_000));
    }, { drainTimeoutMs: 100, signal: stop.signal });
    using flooding = await place.dial();
    let isSent = false;
    // More than the kernel's buffers have room for; `node:http` reads all of it.
    const requests = place.server === "node" ? 4_000 : 300_000;
    flood = send(flooding, request("GET /").repeat(requests))
      .then(() => void (isSent = true), () => {});
    await eventually("the flood is handled", () => calls, (n) => n > 0);
    for (let i = 0; i < 5; i++) assertMatch((await ask(place)).head, / 200 /);
    assert(calls < 3_000, `${calls} requests were handled`);
    assert(!isSent || place.server === "node", "all requests were received");
    flooding.close();
    const after = calls;
    await ask(place);
    assert(
      calls < after + 1_000,
      "requests of a closed connection are handled",
    );
    stop.abort();
  }
  // A write of Deno outlasts its connection: it ends when the server closes.
  await soon("the flood has ended", flood);
});

test("a client that disconnects cancels the response, also while it is paused", async (place) => {
  const source = new Source(64 * 1024);
  const paused = gate();
  let completed: Promise<void> | undefined;
  await using _service = await place.serve(({ url }, info) => {
    ({ completed } = info);
    if (!url.endsWith("/paused")) return new Response(source.stream);
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(5).fill(97)),
        cancel: () => paused.resolve(),
      }),
    );
  });
  const leave = async (path: string, end: string) => {
    using conn = await dialWith(place, request(`GET ${path}`));
    await receiveUpTo(conn, end);
  };
  await leave("/", CRLF + CRLF);
  await eventually("it is cancelled", () => source.isCancelled, (it) => it);
  if (["ours", "node"].includes(place.server)) {
    await assertRejects(() => completed!, Deno.errors.Interrupted);
  }
  // Over TCP only a reset shows it.
  if (place.server === "ours" && place.isTcp) return;
  await leave("/paused", `aaaaa${CRLF}`);
  await soon("the source is cancelled", paused.promise);
});

test(
  "a client that disconnects before its response aborts the request, and is no error",
  { "over TCP": "only a reset shows it" },
  async (place) => {
    const called = gate();
    const aborted = Promise.withResolvers<DOMException>();
    let errors = 0;
    await using _service = await place.serve(async ({ signal }) => {
      called.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted.resolve(signal.reason);
      throw signal.reason;
    }, {
      onError() {
        errors++;
        return new Response();
      },
    });
    {
      using _conn = await dialWith(place, request("GET /"));
      await soon("the handler is called", called.promise);
    }
    const reason = await soon("the signal is aborted", aborted.promise);
    assertEquals(reason.name, "AbortError");
    if (place.server === "ours") assertEquals(errors, 0);
  },
);

test("a client that half-closes is answered, and its request is not aborted", {
  Deno: "a half-close counts as leaving",
  node: "the same",
}, async (place) => {
  // The server checks once a second for clients that have disconnected.
  const pause = () => new Promise((resolve) => setTimeout(resolve, 1_500));
  await using _service = await place.serve(async (request) => {
    const parts = ["got ", await request.text()];
    return new Response(streamOf(parts, async (i) => {
      if (i === 1) await pause();
      request.signal.throwIfAborted();
    }));
  });
  await Promise.all(["GET", "POST"].map(async (method) => {
    const text = request(`${method} /`, { "Content-Length": "4" }, "body");
    using conn = await dialWith(place, text);
    await conn.closeWrite();
    await receiveUpTo(conn, method === "GET" ? "got " : "body");
    await receiveUpTo(conn, `${CRLF}0${CRLF}${CRLF}`);
  }));
});

test("a shutdown closes idle connections, and lets responses come to their end", async (place) => {
  const inHandler = gate();
  const goOn = gate();
  await using service = await place.serve(async ({ url }) => {
    if (!url.endsWith("/busy")) return new Response("heard");
    inHandler.resolve();
    await goOn.promise;
    return new Response(`${"x".repeat(8 * MIB)}done`);
  });
  using idle = await dialWith(place, request("GET /idle"));
  await receiveUpTo(idle, `${CRLF}heard`);
  using silent = await place.dial();
  using fresh = await place.dial();
  // Connections are accepted in order: by then the others are, too.
  using busy = await dialWith(place, request("GET /busy"));
  await soon("the handler is called", inHandler.promise);

  const stopped = Promise.all([service.shutdown(), service.shutdown()]);
  // Deno.serve() closes it.
  if (place.server !== "Deno.serve") {
    await send(fresh, request("GET /fresh"));
    assertMatch(await receiveAllText(fresh), /heard$/);
  }
  assertEquals(await receiveRest(idle), "");
  assertEquals(await receiveRest(silent), "");
  await assertRejects(place.dial);
  goOn.resolve();
  const text = await receiveAllText(busy);
  if (place.server === "ours") assertMatch(text, /^connection: close\r$/im);
  assert(text.length > 8 * MIB && /done(\r\n0\r\n\r\n)?$/.test(text));
  await soon("the service has stopped", stopped);
  await soon("the service has finished", service.finished);
});

test("during a shutdown each kept-alive connection has one more response", {
  "Deno.serve": "it closes at once",
  node: "the same",
}, async (place) => {
  const goOn = gate();
  await using service = await place.serve(({ url }) =>
    new Response(
      url.endsWith("/stream")
        ? streamOf(["one", "two"], (i) => i === 1 ? goOn.promise : 0)
        : "heard",
    )
  );
  using busy = await dialWith(place, request("GET /stream"));
  await receiveUpTo(busy, "one");
  using idle = await dialWith(place, request("GET /"));
  const first = await receiveUpTo(idle, `${CRLF}heard`);
  assertEquals(first.includes("connection"), false, first);
  const stopped = service.shutdown();
  const assertLast = async (conn: Deno.Conn) => {
    const last = await receiveAllText(conn);
    assertMatch(last, /^HTTP\/1\.1 200 [^]*^connection: close\r$[^]*heard$/im);
  };
  // At the end of the grace period, a connection is read once more.
  await sendBlocking(idle, request("GET /"), performance.now() + 300, 300);
  await assertLast(idle);
  // The grace period after this response does not end on a slow machine.
  const { setTimeout } = globalThis;
  using _ = { [Symbol.dispose]: () => globalThis.setTimeout = setTimeout };
  globalThis.setTimeout = ((call: () => void, ms?: number) =>
    setTimeout(call, ms === GRACE_MS ? 60_000 : ms)) as typeof setTimeout;
  goOn.resolve();
  await receiveUpTo(busy, `two${CRLF}0${CRLF}${CRLF}`);
  await send(busy, request("GET /"));
  await assertLast(busy);
  busy.close();
  await soon("the service has stopped", stopped);
});

test("a renewed certificate is used by new handshakes, and connections stay", {
  Deno: "it serves no TLS",
}, async (place) => {
  if (!place.secure) return;
  await using service = await place.serve(() =>
    new Response("heard")
  ) as RunningHttpServer;
  using old = await dialWith(place, request("GET /"));
  await receiveUpTo(old, "heard");
  const { InvalidData } = Deno.errors;
  const invalid = service.setCertificate({ cert: RENEWED_CERT, key: KEY });
  await assertRejects(() => invalid, InvalidData);
  assertMatch((await ask(place)).body, /heard$/);

  await service.setCertificate({ cert: RENEWED_CERT, key: RENEWED_KEY });
  await assertRejects(() => ask(place), InvalidData);
  using renewed = await place.dial(RENEWED_CERT);
  for (const conn of [renewed, old]) {
    await send(conn, GET);
    assertMatch(await receiveAllText(conn), /heard$/);
  }
});

test("a silent client of HTTP/2 does not delay a shutdown", {
  "Deno.serve": "it waits for the client",
  ours: "it has no HTTP/2",
  node: "the same",
}, async (place) => {
  await using service = await place.serve(() => new Response("x"));
  // The preface, empty settings, and a request whose headers are GET / of the
  // static table, and the authority "a" (RFC 7541, appendix A).
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  using _unused = await dialWith(place, preface);
  using used = await dialWith(place, preface);
  await send(used, Uint8Array.fromHex("000006010500000001828486010161"));
  await receiveUpTo(used, "x");
  await soon("the service has stopped", service.shutdown(), { within: 9_000 });
});

test("a shutdown waits for a client of HTTP/2 that reads late", {
  "Deno.serve": "it waits for all",
  ours: "it has no HTTP/2",
  node: "the same",
}, async (place) => {
  const size = 16 * MIB;
  await using service = await place.serve(() => new Response("x".repeat(size)));
  const { port } = service.addr as Deno.NetAddr;
  using client = Deno.createHttpClient({ http1: false });
  const response = await fetch(`http://127.0.0.1:${port}`, { client });
  const stopped = service.shutdown();
  const early = soon("the response is cut", stopped, { within: 1_500 });
  await assertRejects(() => early, Error, "Not within");
  assertEquals((await response.bytes()).length, size);
  await soon("the service has stopped", stopped);
});

test("a response that outlasts drainTimeoutMs is cut off", {
  "Deno.serve": "it has no such option",
}, async (place) => {
  const stop = new AbortController();
  const source = new Source(64 * 1024);
  await using service = await place.serve(
    () => new Response(source.stream),
    { drainTimeoutMs: 50, signal: stop.signal },
  );
  using conn = await dialWith(place, GET);
  await receiveUpTo(conn, CRLF + CRLF);
  stop.abort();
  await soon("the service has stopped", service.finished);
  assert(source.isCancelled, "the source was not cancelled");
  await assertRejects(place.dial);
});
