/** Random requests: the parser server answers them as `Deno.serve()` does. */

import { assertEquals } from "@std/assert";
import { serve, type ServeHandler } from "../../serve/mod.ts";
import { soon } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { type Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { TempDir } from "../support/temp_dir.ts";
import { REFUSED } from "./http_request_cases.ts";

const SEQUENCES = 500;
const CRLF = "\r\n";

/** What a handler does: the query of a request. */
interface Plan {
  status: number;
  headers: [name: string, value: string][];
  body: (typeof BODIES)[number];
  size: number;
  isAsync: boolean;
}

const handler: ServeHandler = (request) => {
  // The servers differ in the scheme of the URL.
  const { pathname, search } = new URL(
    request.url.replace(/^http\+unix:/, "http:"),
  );
  const { body, size, isAsync, ...init } = JSON.parse(
    decodeURIComponent(search.slice(1)),
  ) as Plan;
  const text = "é".repeat(size);
  if (!isAsync && body === "text") return new Response(text, init);
  if (!isAsync && body === "none") return new Response(null, init);
  return (async () => {
    switch (body) {
      case "none":
        return new Response(null, init);
      case "text":
        return new Response(text, init);
      case "bytes":
        return new Response(new Uint8Array(size), init);
      case "json":
        return Response.json({ text }, init);
      case "stream":
        return new Response(new Blob([text]).stream(), init);
      case "echo":
        return new Response(await request.text(), init);
      case "seen": {
        const hasBody = request.body !== null;
        const seen = [request.method, pathname, hasBody, ...request.headers];
        return new Response(JSON.stringify(seen), init);
      }
    }
  })();
};

const METHODS = "GET GET HEAD POST PUT PATCH DELETE OPTIONS".split(" ");
const ORIGINS = ["http://other.example", "http://OTHER.example:8080"];
const PATHS = ["", "a/b", "a/../b", "%20%2F", "//x", "a;b=c&d", "a'()*"];
const REQUEST_HEADERS = [
  ...["Accept: */*", "accept:text/html", "X-Empty:", "X-Space:   a b  "],
  ...["Cookie: a=1", "Cookie: b=2", "X-Many: 1", "x-many: 2"],
  ...["X-Bytes: é", "Content-Type: text/plain", "User-Agent: fuzz"],
];
const BODIES = [
  ...["none", "text", "bytes", "json", "stream", "echo", "seen"] as const,
];
const STATUSES = [200, 200, 200, 201, 204, 299, 301, 304, 404, 500, 599];
const NULL_BODY = [204, 304];
const LENGTHS = ["5", "0", "999999", "null", "6.0", "0x6", "+6", "-1", "5, 5"];
const RESPONSE_HEADERS: Plan["headers"] = [
  ...[["set-cookie", "a=1"], ["Set-Cookie", "b=2, 3"], ["vary", ""]],
  ...[["X-Many", "1"], ["x-many", "2"], ["x-y", "é"], ["x-tab", "a\tb"]],
  ...[["content-type", "text/html"], ["date", "today"], ["server", "here"]],
] as Plan["headers"];
const MALFORMED = REFUSED.filter(({ length }) => length < 10_000);

/** Returns a sequence of requests, whose last one closes the connection. */
function sequence(random: Random): string {
  const below = (limit: number) => random.next() % limit;
  const once = (of: number) => below(of) === 0;
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const some = <T>(count: number, from: readonly T[]) =>
    Array.from({ length: count }, () => pick(from));

  function plan(): Plan {
    const body = pick(BODIES);
    const headers = [...new Set(some(below(4), RESPONSE_HEADERS))];
    // With a valid length that is not its own, a stream breaks off: those are left out.
    const lengths = body === "stream" ? LENGTHS.slice(3) : LENGTHS;
    if (once(5)) headers.push(["content-length", pick(lengths)]);
    const status = pick(STATUSES);
    return {
      status: NULL_BODY.includes(status) && body !== "none" ? 200 : status,
      ...{ headers, body, isAsync: once(2) },
      size: below(once(10) ? 100_000 : 50),
    };
  }

  function chunks(body: string): string {
    let text = "";
    for (let at = 0; at < body.length;) {
      const part = body.slice(at, at + random.size());
      const extension = once(3) ? ";name=value" : "";
      text += `${part.length.toString(16)}${extension}${CRLF}${part}${CRLF}`;
      at += part.length;
    }
    return `${text}0${CRLF}${once(4) ? `x-t: y${CRLF}` : ""}${CRLF}`;
  }

  let text = "";
  for (let count = 1;; count++) {
    if (once(40)) return text + pick(MALFORMED) + CRLF + CRLF;
    // Deno (2.9) reads no request after one with a body.
    const hasBody = once(3);
    const isLast = hasBody || once(3) || count === 8;
    const version = isLast && once(6) ? "1.0" : "1.1";
    const origin = once(8) ? pick(ORIGINS) : "";
    const query = encodeURIComponent(JSON.stringify(plan()));
    const headers = some(below(once(30) ? 200 : 6), REQUEST_HEADERS);
    headers.push("Host: test.example");
    if (isLast && version === "1.1") headers.push("Connection: close");
    let body = "";
    if (hasBody) {
      body = "x".repeat(below(once(5) ? 200_000 : 100));
      if (version === "1.0" || once(2)) {
        headers.push(`Content-Length: ${body.length}`);
      } else {
        headers.push("Transfer-Encoding: chunked");
        body = chunks(body);
      }
    }
    const target = `${origin}/${pick(PATHS)}?${query}`;
    text += [`${pick(METHODS)} ${target} HTTP/${version}`, ...headers, "", body]
      .join(CRLF);
    if (isLast) return text;
  }
}

/** Returns the status, the headers and the body of each response to requests. */
function responsesTo(requests: string, bytes: Uint8Array): unknown[] {
  const methods = [...requests.matchAll(/^([A-Z]+) \S+ HTTP/gm)];
  let rest = new TextDecoder("latin1").decode(bytes);
  const take = (length: number) => {
    const text = rest.slice(0, length);
    rest = rest.slice(length);
    return text;
  };
  const responses: unknown[] = [];
  while (rest !== "") {
    const head = take(rest.indexOf(CRLF + CRLF) + 4)
      .replace(/^[^:\r]*:/gm, (name) => name.toLowerCase());
    const status = Number(head.split(" ")[1]);
    if (status === 100) continue;
    let body = "";
    const method = methods[responses.length]?.[1];
    if (method === "HEAD" || NULL_BODY.includes(status)) body = "";
    else if (head.includes(`${CRLF}transfer-encoding: chunked${CRLF}`)) {
      for (let size = -1; size !== 0;) {
        size = parseInt(take(rest.indexOf(CRLF) + 2), 16);
        if (!(size >= 0)) throw new Error(`This is not a chunk: ${rest}`);
        body += take(size + 2).slice(0, -2);
      }
    } else {
      const length = /^content-length: (\d+)\r$/m.exec(head)?.[1];
      body = take(Number(length ?? rest.length));
    }
    // Every response has the date; only the parser server sends keep-alive.
    const headers = head.split(CRLF).slice(1).sort()
      .filter((line) => !/^(date: (?!today)|keep-alive: )/.test(line));
    // The texts of refusals differ.
    responses.push(status === 400 ? { status } : { status, headers, body });
  }
  return responses;
}

/** Sends requests in packets, and receives until the end, or a reset. */
async function exchange(
  path: string,
  requests: string,
  cuts: number[],
): Promise<unknown[]> {
  using conn = await Deno.connect({ transport: "unix", path });
  const bytes = new TextEncoder().encode(requests);
  const sending = (async () => {
    for (const [i, cut] of [...cuts, bytes.length].entries()) {
      await send(conn, bytes.subarray(cuts[i - 1] ?? 0, cut));
      await new Promise((resolve) => setTimeout(resolve));
    }
  })().catch(() => {});
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let count: number | null = 0; count !== null;) {
    const buffer = new Uint8Array(64 * 1024);
    const reading = conn.read(buffer).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    });
    count = await soon("the server ends the connection", reading);
    chunks.push(buffer.subarray(0, count ?? 0));
  }
  const received = await new Blob(chunks).bytes();
  await soon("all is sent", sending);
  return responsesTo(requests, received);
}

Deno.test("random requests are answered as by Deno.serve()", async () => {
  using directory = new TempDir();
  const [ours, reference] = ["ours", "deno"].map((name) =>
    directory.join(name)
  );
  await using _server = await serve(handler, {
    ...{ fallback: { path: ours! }, notify: false },
  });
  const deno = Deno.serve(
    { path: reference!, onListen() {} },
    handler as unknown as Deno.ServeHandler<Deno.UnixAddr>,
  );
  const until = performance.now() + (SOAK_MINUTES ?? 0) * 60_000;
  await withRandom(async (random) => {
    for (let i = 0; i < SEQUENCES || performance.now() < until; i++) {
      const text = sequence(random);
      const cuts = Array.from(
        { length: random.next() % 4 },
        () => random.next() % text.length,
      ).sort((a, b) => a - b);
      const expected = await exchange(reference!, text, cuts);
      const actual = await exchange(ours!, text, cuts);
      assertEquals(actual, expected, `Sequence ${i}: ${text.slice(0, 3_000)}`);
    }
  });
  await deno.shutdown();
});
