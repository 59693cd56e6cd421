/** Random requests: the parser server answers them as `Deno.serve()` does. */

import { assertEquals } from "@std/assert";
import { serve } from "../../serve/mod.ts";
import type { ServeHandler } from "../../serve/mod.ts";
import { soon } from "../support/eventually.ts";
import { send } from "../support/peer.ts";
import { type Random, withRandom } from "../support/random.ts";
import { SOAK_MINUTES } from "../support/soak.ts";
import { TempDir } from "../support/temp_dir.ts";

const SEQUENCES = 250;
const CRLF = "\r\n";

/** What a handler does, as it stands in the target of a request. */
interface Plan {
  status: number;
  headers: [name: string, value: string][];
  body: "none" | "text" | "bytes" | "json" | "stream" | "echo" | "seen";
  size: number;
  isAsync: boolean;
}

/** The servers differ in the scheme of the URL. */
const pathOf = (url: string) => {
  const { pathname, search } = new URL(url.replace(/^http\+unix:/, "http:"));
  return { pathname, search };
};

const handler: ServeHandler = (request) => {
  const { pathname, search } = pathOf(request.url);
  const plan = JSON.parse(decodeURIComponent(search.slice(1))) as Plan;
  const { status, headers, size } = plan;
  const text = "é".repeat(size);
  const init = { status, headers };
  const respond = async () => {
    switch (plan.body) {
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
        const all = [request.method, pathname, hasBody, ...request.headers];
        return new Response(JSON.stringify(all), init);
      }
    }
  };
  const body = plan.body;
  if (!plan.isAsync && body === "text") return new Response(text, init);
  if (!plan.isAsync && body === "none") return new Response(null, init);
  return respond();
};

/** Makes requests. */
class Requests {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Returns a sequence, whose last request closes the connection. */
  sequence(): { text: string; count: number } {
    let text = "";
    for (let count = 1;; count++) {
      const isMalformed = this.#once(40);
      if (isMalformed) {
        return { text: text + this.#pick(MALFORMED) + CRLF + CRLF, count };
      }
      // Deno (2.9) reads no request after one with a body.
      const hasBody = this.#once(3);
      const isLast = hasBody || this.#once(3) || count === 8;
      text += this.#request(hasBody, isLast);
      if (isLast) return { text, count };
    }
  }

  /** Returns the positions at which a text is cut into packets. */
  cuts(length: number): number[] {
    const count = this.#random.next() % 4;
    return Array.from({ length: count }, () => this.#random.next() % length)
      .sort((a, b) => a - b);
  }

  #request(hasBody: boolean, isLast: boolean): string {
    const method = this.#pick(METHODS);
    const version = isLast && this.#once(6) ? "1.0" : "1.1";
    const plan = encodeURIComponent(JSON.stringify(this.#plan()));
    const origin = this.#once(8) ? this.#pick(ORIGINS) : "";
    const target = `${origin}/${this.#pick(PATHS)}?${plan}`;
    const headers = Array.from(
      { length: this.#random.next() % (this.#once(30) ? 200 : 6) },
      () => this.#pick(REQUEST_HEADERS),
    );
    headers.push("Host: test.example");
    if (isLast && version === "1.1") headers.push("Connection: close");
    let body = "";
    if (hasBody) {
      body = "x".repeat(this.#random.next() % (this.#once(5) ? 200_000 : 100));
      if (version === "1.0" || this.#once(2)) {
        headers.push(`Content-Length: ${body.length}`);
      } else {
        headers.push("Transfer-Encoding: chunked");
        body = this.#chunks(body);
      }
    }
    return [`${method} ${target} HTTP/${version}`, ...headers, "", body]
      .join(CRLF);
  }

  #chunks(body: string): string {
    let text = "";
    for (let at = 0; at < body.length;) {
      const part = body.slice(at, at + this.#random.size());
      const extension = this.#once(3) ? ";name=value" : "";
      text += `${part.length.toString(16)}${extension}${CRLF}${part}${CRLF}`;
      at += part.length;
    }
    return `${text}0${CRLF}${this.#once(4) ? `x-t: y${CRLF}` : ""}${CRLF}`;
  }

  #plan(): Plan {
    const body = this.#pick(BODIES);
    const headers = Array.from(
      { length: this.#random.next() % 4 },
      () => this.#pick(RESPONSE_HEADERS),
    ).filter((header, i, all) => all.indexOf(header) === i);
    // The length of a stream is that of the handler, which is another one.
    if (body !== "stream") {
      if (this.#once(5)) headers.push(["content-length", this.#pick(LENGTHS)]);
    }
    const status = this.#pick(STATUSES);
    return {
      status: NULL_BODY.includes(status) && body !== "none" ? 200 : status,
      headers,
      body,
      size: this.#random.next() % (this.#once(10) ? 100_000 : 50),
      isAsync: this.#once(2),
    };
  }

  #once(of: number): boolean {
    return this.#random.next() % of === 0;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.next() % from.length]!;
  }
}

const METHODS = [
  ...["GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
];
const ORIGINS = ["http://other.example", "http://OTHER.example:8080"];
const PATHS = ["", "a/b", "a/../b", "%20%2F", "//x", "a;b=c&d", "a'()*"];
const REQUEST_HEADERS = [
  ...["Accept: */*", "accept:text/html", "X-Empty:", "X-Space:   a b  "],
  ...["Cookie: a=1", "Cookie: b=2", "X-Many: 1", "x-many: 2", "X-É: no"],
  ...["X-Bytes: é", "Content-Type: text/plain", "User-Agent: fuzz"],
].filter((line) => /^[!-~]+:/.test(line));
const BODIES = [
  ...["none", "text", "bytes", "json", "stream", "echo", "seen"] as const,
];
const STATUSES = [200, 200, 200, 201, 204, 299, 301, 304, 404, 500, 599];
const NULL_BODY = [204, 304];
const LENGTHS = ["5", "0", "null", "6.0", "0x6", "+6", "-1", "5, 5", "999999"];
const RESPONSE_HEADERS: [string, string][] = [
  ["set-cookie", "a=1"],
  ["Set-Cookie", "b=2, 3"],
  ["x-y", "é"],
  ["X-Many", "1"],
  ["x-many", "2"],
  ["content-type", "text/html"],
  ["date", "today"],
  ["server", "here"],
  ["vary", ""],
  ["x-tab", "a\tb"],
];
const MALFORMED = [
  ...[
    "hello",
    "GET",
    "GET /",
    "GET / HTTP/2.0",
    "GET / HTTP/1.2",
    "GET x HTTP/1.1",
  ],
  ...["GET /\0 HTTP/1.1\r\nHost: a", "GET / HTTP/1.1\r\nHost: a\r\nx y: z"],
  ...[
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
    "GET / HTTP/1.1\r\nHost: a\r\n: z",
  ],
  ...["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2"],
  ...["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x"],
  ...["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip"],
  ...["POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked"],
];

interface Answer {
  status: number;
  headers: string[];
  body: string;
}

/** What every response has, or what only the parser server sends. */
const IGNORED = /^(date: (?!today)|keep-alive: )/;

/** Takes the answers of a connection apart. */
function answersOf(bytes: Uint8Array, methods: string[]): Answer[] {
  let rest = new TextDecoder("latin1").decode(bytes);
  const answers: Answer[] = [];
  while (rest !== "") {
    const end = rest.indexOf(CRLF + CRLF);
    const [line = "", ...lines] = rest.slice(0, end).split(CRLF);
    const status = Number(line.split(" ")[1]);
    const method = methods[answers.length];
    rest = rest.slice(end + 4);
    const headers = lines
      .map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()));
    const valueOf = (name: string) =>
      headers.find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    if (status === 100) continue;
    let body = "";
    if (method === "HEAD" || NULL_BODY.includes(status)) {
      body = "";
    } else if (valueOf("transfer-encoding") === "chunked") {
      for (;;) {
        const lineEnd = rest.indexOf(CRLF);
        const size = parseInt(rest, 16);
        if (!(size >= 0)) throw new Error(`This is no chunk: ${rest}`);
        body += rest.slice(lineEnd + 2, lineEnd + 2 + size);
        rest = rest.slice(lineEnd + 2 + size + 2);
        if (size === 0) break;
      }
    } else {
      const length = Number(valueOf("content-length") ?? rest.length);
      body = rest.slice(0, length);
      rest = rest.slice(length);
    }
    const kept = headers.filter((line) => !IGNORED.test(line)).sort();
    // The texts of refusals differ.
    answers.push(
      status === 400
        ? { status, headers: [], body: "" }
        : { status, headers: kept, body },
    );
  }
  return answers;
}

/** Receives until the server ends or resets the connection. */
async function receiveRest(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const buffer = new Uint8Array(64 * 1024);
    const reading = conn.read(buffer).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    });
    const count = await soon("the server ends the connection", reading);
    if (count === null) return await new Blob(chunks).bytes();
    chunks.push(buffer.subarray(0, count));
  }
}

async function exchange(
  path: string,
  text: string,
  cuts: number[],
): Promise<Answer[]> {
  using conn = await Deno.connect({ transport: "unix", path });
  const answers = receiveRest(conn);
  const bytes = new TextEncoder().encode(text);
  const sending = (async () => {
    for (const [i, cut] of [...cuts, bytes.length].entries()) {
      await send(conn, bytes.subarray(cuts[i - 1] ?? 0, cut));
      await new Promise((resolve) => setTimeout(resolve));
    }
  })().catch(() => {});
  const methods = [...text.matchAll(/^([A-Z]+) \S+ HTTP/gm)].map((m) => m[1]!);
  const received = answersOf(await answers, methods);
  await soon("all is sent", sending);
  return received;
}

Deno.test("random requests are answered as by Deno.serve()", async () => {
  using directory = new TempDir();
  const path = directory.join("ours");
  const reference = directory.join("deno");
  await using _server = await serve(handler, {
    ...{ fallback: { path }, notify: false },
  });
  const deno = Deno.serve(
    { path: reference, onListen() {} },
    handler as unknown as Deno.ServeHandler<Deno.UnixAddr>,
  );
  const until = performance.now() + (SOAK_MINUTES ?? 0) * 60_000;
  await withRandom(async (random) => {
    const requests = new Requests(random);
    for (let i = 0; i < SEQUENCES || performance.now() < until; i++) {
      const { text } = requests.sequence();
      const cuts = requests.cuts(text.length);
      const expected = await exchange(reference, text, cuts);
      const actual = await exchange(path, text, cuts);
      assertEquals(actual, expected, `Sequence ${i}: ${text.slice(0, 3_000)}`);
    }
  });
  await deno.shutdown();
});
