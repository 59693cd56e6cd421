/** The HTTP suite: several requests on a connection, clients that leave, and the stop. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { eventually, soon } from "../support/eventually.ts";
import { receive, receiveAllText, receiveUpTo, send } from "../support/peer.ts";
import {
  answer,
  ask,
  CRLF,
  dialWith,
  gate,
  GET,
  LAST,
  MIB,
  type Place,
  receiveRest,
  request,
  Source,
  streamOf,
  test,
} from "./http_case.ts";

test("requests on one connection are answered in turn, also pipelined ones", async (place) => {
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
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\n[^]*^content-length: 2\r$/im);
  }
  const rest = request("GET /3") + request("GET /4", LAST);
  await send(conn, request("GET /slow") + rest);
  last.resolve();
  const paths = (await receiveAllText(conn)).match(/(?<=\r\n\r\n)\/[a-z0-9]+/g);
  assertEquals(paths, ["/slow", "/3", "/4"]);
});

test("the response to a request with Upgrade is the last on its connection", {
  Deno: "it reads on",
}, async (place) => {
  const { head, body } = await answer(
    place,
    () => new Response("last"),
    request("GET /", { Connection: "upgrade", Upgrade: "x" }),
  );
  assertMatch(head, /^connection: close\r$/im);
  assertEquals(body, "last");
});

test("a client that pipelines without reading does not delay others", async (place) => {
  let flood: Promise<void>;
  {
    let calls = 0;
    await using _service = await place.serve(() => {
      calls++;
      return new Response("x".repeat(10_000));
    }, { drainTimeoutMs: 100 });
    using flooding = await place.dial();
    flood = send(flooding, request("GET /").repeat(12_000)).catch(() => {});
    await eventually("the flood is handled", () => calls, (n) => n > 0);
    for (let i = 0; i < 5; i++) {
      const within = place.server === "node" ? 10_000 : 2_000;
      const asked = ask(place);
      const { head } = await soon("another is answered", asked, { within });
      assertMatch(head, /^HTTP\/1\.1 200 /);
    }
    assert(calls < 5_000, `${calls} requests were handled`);
    flooding.close();
    const after = calls;
    await ask(place);
    assert(
      calls < after + 1_000,
      "requests of a closed connection are handled",
    );
  }
  // A write of Deno outlasts its connection: it ends when the server closes.
  await soon("the flood has ended", flood);
});

test("a client that disconnects cancels the response", async (place) => {
  const source = new Source(64 * 1024);
  let completed: Promise<void> | undefined;
  await using _service = await place.serve((_request, info) => {
    completed = info.completed;
    return new Response(source.stream);
  });
  {
    using conn = await dialWith(place, request("GET /"));
    await receiveUpTo(conn, CRLF + CRLF);
  }
  await source.untilCancelled();
  if (place.server === "Deno.serve" || place.server === "native") return;
  await assertRejects(() => completed!, Deno.errors.Interrupted);
});

test("a client that disconnects while a response is paused cancels it", {
  "over TCP": "only a reset shows it",
}, async (place) => {
  const cancelled = gate();
  await using _service = await place.serve(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(5).fill(97)),
        cancel: () => cancelled.resolve(),
      }),
    )
  );
  {
    using conn = await dialWith(place, request("GET /"));
    await receiveUpTo(conn, `aaaaa${CRLF}`);
  }
  await soon("the source is cancelled", cancelled.promise);
});

test(
  "a client that leaves before its response aborts the request, and is no error",
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

test("a client that half-closes is answered", {
  Deno: "a half-close counts as leaving",
  node: "the same",
}, async (place) => {
  await using _service = await place.serve(async (request) =>
    new Response(`got ${await request.text()}`)
  );
  for (const method of ["GET", "POST"]) {
    const text = request(`${method} /`, { "Content-Length": "4" }, "body");
    using conn = await dialWith(place, text);
    if (!place.secure) await conn.closeWrite();
    assertMatch(await receiveUpTo(conn, "got "), /^HTTP\/1\.1 200 /);
  }
});

test("a complete response does not abort the signal", {
  Deno: "each response does",
}, async (place) => {
  let signal: AbortSignal | undefined;
  let completed: Promise<void> | undefined;
  await using _service = await place.serve((request, info) => {
    ({ signal } = request);
    ({ completed } = info);
    return new Response("x");
  });
  await ask(place);
  await soon("the response is completed", completed!);
  await ask(place);
  assertEquals(signal!.aborted, false);
});

test("shutdown closes idle connections, and lets responses come to their end", async (place) => {
  const inHandler = gate();
  const goOn = gate();
  await using service = await place.serve(async ({ url }) => {
    if (url.endsWith("/idle")) return new Response("idle");
    inHandler.resolve();
    await goOn.promise;
    return new Response("done");
  });
  using idle = await dialWith(place, request("GET /idle"));
  await receiveUpTo(idle, `${CRLF}idle`);
  using silent = await place.dial();
  using busy = await dialWith(place, request("GET /busy"));
  await soon("the handler is called", inHandler.promise);

  const stopped = service.shutdown();
  assertEquals(await receiveRest(idle), "");
  assertEquals(await receiveRest(silent), "");
  goOn.resolve();
  const text = await receiveAllText(busy);
  if (place.server === "ours") assertMatch(text, /^connection: close\r$/im);
  assert(text.endsWith(`${CRLF}done`), text);
  await soon("the service has stopped", stopped);
  await soon("the service has finished", service.finished);
});

test("a large response is sent to its end during a shutdown", {
  node: "without internals, it is sent in chunks",
}, async (place) => {
  const size = 8 * MIB;
  await using service = await place.serve(() =>
    new Response(new Uint8Array(size))
  );
  using conn = await dialWith(place, request("GET /"));
  await receiveUpTo(conn, CRLF + CRLF);
  const stopped = service.shutdown();
  assertEquals((await receive(conn, size)).length, size);
  assertEquals(await receiveRest(conn), "");
  await soon("the service has stopped", stopped);
});

async function isRefused(place: Place): Promise<boolean> {
  try {
    (await place.dial()).close();
    return false;
  } catch {
    return true;
  }
}

test("a client that has just connected is served during a shutdown", {
  "Deno.serve": "it closes new connections",
}, async (place) => {
  const inHandler = gate();
  const goOn = gate();
  await using service = await place.serve(async ({ url }) => {
    if (url.endsWith("/first")) {
      inHandler.resolve();
      await goOn.promise;
    }
    return new Response("heard");
  });
  using fresh = await place.dial();
  // Connections are accepted in order: by now the first one is, too.
  using busy = await dialWith(place, request("GET /first"));
  await soon("the handler is called", inHandler.promise);
  const stopped = service.shutdown();
  await send(fresh, request("GET /second"));
  assertMatch(await receiveAllText(fresh), /heard$/);
  assertEquals(await isRefused(place), true);
  goOn.resolve();
  await receiveAllText(busy);
  await soon("the service has stopped", stopped);
});

test("a shutdown closes each kept-alive connection with its next response", {
  "Deno.serve": "it closes at once",
  node: "the same",
}, async (place) => {
  await using service = await place.serve(() => new Response("heard"));
  using client = await dialWith(place, request("GET /"));
  const first = await receiveUpTo(client, `${CRLF}heard`);
  assertEquals(first.includes("connection"), false, first);
  const stopped = service.shutdown();
  await send(client, request("GET /"));
  assertMatch(
    await receiveAllText(client),
    /^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*heard$/,
  );
  await soon("the service has stopped", stopped);
});

test(
  "a response that began before a shutdown is sent whole, and another after it",
  { "Deno.serve": "it closes at once", node: "the same" },
  async (place) => {
    const goOn = gate();
    await using service = await place.serve(({ url }) =>
      new Response(
        url.endsWith("/other")
          ? "other"
          : streamOf(["one", "two"], (i) => i === 1 ? goOn.promise : 0),
      )
    );
    using client = await dialWith(place, request("GET /"));
    await receiveUpTo(client, "one");
    const stopped = service.shutdown();
    goOn.resolve();
    await receiveUpTo(client, `two${CRLF}0${CRLF}${CRLF}`);
    await send(client, request("GET /other"));
    const last = await receiveAllText(client);
    assertMatch(last, /connection: close\r\n[^]*other$/);
    await soon("the service has stopped", stopped);
  },
);

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
  const frame = [...[0, 0, 6, 1, 5, 0, 0, 0, 1], ...[
    0x82,
    0x84,
    0x86,
    1,
    1,
    97,
  ]];
  await send(used, new Uint8Array(frame));
  await receiveUpTo(used, "x");
  await soon("the service has stopped", service.shutdown(), { within: 3_000 });
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
  assert(source.cancelled !== undefined, "the source was not cancelled");
  assert(await isRefused(place), "the socket is still listened on");
});
