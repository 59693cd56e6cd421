/** What the cases of the HTTP suite are made of. */

import { assertEquals, assertMatch } from "@std/assert";
import type { ServeHandler, ServeOptions } from "../../serve/mod.ts";
import { receive, receiveAllText, send } from "../support/peer.ts";

/**
 * Deno's own server, as `Deno.serve()` and on adopted connections; the parser server;
 * and `node:http`.
 */
export type ServerName = "Deno.serve" | "native" | "ours" | "node";

/** A server, and its kind of socket. */
export interface Kind {
  server: ServerName;
  isDeno: boolean;
  isTcp: boolean;
  secure: boolean;
}

/** Returns the kind of a server on TCP, TLS or a unix path. */
export const kindOf = (server: ServerName, socket: string): Kind => ({
  ...{ server, isDeno: ["Deno.serve", "native"].includes(server) },
  ...{ isTcp: socket !== "unix path", secure: socket === "TLS" },
});

/** One socket, and how to reach it. */
export interface Place extends Kind {
  /** Serves it, without notifying a service manager. */
  serve(
    handler: ServeHandler,
    options?: ServeOptions,
  ): Promise<Deno.HttpServer<Deno.NetAddr | Deno.UnixAddr>>;
  /** Connects to it, over TLS with the certificate of the tests by default. */
  dial(cert?: string): Promise<Deno.Conn>;
}

/** The servers that differ, both of Deno, or ours over TCP, and why. */
type Not = Partial<Record<ServerName | "Deno" | "over TCP", string>>;

/** One behaviour. */
export interface Case {
  name: string;
  not: Not;
  run(place: Place): Promise<void>;
}

const CASES: Case[] = [];

/** Registers a case, which some servers do not have. */
export function test(
  name: string,
  ...rest: [Case["run"]] | [Not, Case["run"]]
) {
  const [run, not = {}] = rest.toReversed() as [Case["run"], Not?];
  CASES.push({ name, run, not });
}

/** The cases of a server. */
export function casesOf({ server, isDeno, isTcp }: Kind): Case[] {
  const kinds: string[] = [server];
  if (isDeno) kinds.push("Deno");
  if (server === "ours" && isTcp) kinds.push("over TCP");
  return CASES.filter(({ not }) => !kinds.some((kind) => kind in not));
}

export const CRLF = "\r\n";
export const MIB = 1024 * 1024;
export const LAST = { Connection: "close" };

/** The text of a request, by default HTTP/1.1 with a host. */
export function request(
  line: string,
  headers: Record<string, string> = {},
  body = "",
): string {
  const lines = Object.entries({ Host: "test.example", ...headers })
    .map(([name, value]) => `${name}: ${value}${CRLF}`);
  return `${line} HTTP/1.1${CRLF}${lines.join("")}${CRLF}${body}`;
}

export const GET = request("GET /", LAST);

/** The head of a request with a body, by default the last one. */
export const upload = (length: number, path = "/", headers: object = LAST) =>
  request(`POST ${path}`, { ...headers, "Content-Length": `${length}` });

/** Connects, and sends a text. */
export async function dialWith(place: Place, text: string): Promise<Deno.Conn> {
  const conn = await place.dial();
  await send(conn, text);
  return conn;
}

/** Returns the response to the only request of a connection. */
export async function ask(place: Place, text = GET) {
  using conn = await dialWith(place, text);
  const all = await receiveAllText(conn);
  const end = all.indexOf(CRLF + CRLF);
  return { head: all.slice(0, end + 2), body: all.slice(end + 4) };
}

/** Asserts that a response to a failure is that of the service, and nothing else. */
export function assertFailure({ head, body }: { head: string; body: string }) {
  assertMatch(head, /^HTTP\/1\.1 500 Internal Server Error\r/);
  assertMatch(head, /^content-length: 22\r$/im);
  assertEquals(/secret/.test(head), false, head);
  assertEquals(body, "Internal Server Error\n");
}

/** Receives until the server has closed the connection, over TLS with or without an alert. */
export async function receiveRest(conn: Deno.Conn): Promise<string> {
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

/** A response body that counts the chunks read from it, and may be endless. */
export class Source {
  pulls = 0;
  isCancelled = false;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(chunkBytes: number, chunks = Infinity) {
    this.stream = new ReadableStream({
      pull: (controller) => {
        if (this.pulls++ === chunks) controller.close();
        else controller.enqueue(new Uint8Array(chunkBytes).fill(97));
      },
      cancel: () => void (this.isCancelled = true),
    }, { highWaterMark: 0 });
  }
}

/** A stream of texts; before each, a function is called. */
export function streamOf(
  texts: string[],
  before: (i: number) => unknown = () => {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let i = 0;
  return new ReadableStream({
    async pull(controller) {
      await before(i);
      if (i === texts.length) return controller.close();
      controller.enqueue(new TextEncoder().encode(texts[i++]));
    },
  });
}

/** A promise that a test resolves to let a handler continue. */
export const gate = () => Promise.withResolvers<void>();
