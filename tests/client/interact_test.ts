import { assertEquals, assertRejects } from "@std/assert";
import { interact, type InteractOptions } from "../../client/interact.ts";
import { eventually } from "../support/eventually.ts";
import { readText, receiveAll, send } from "../support/peer.ts";
import { echo, failureOf, type Peer } from "./peers.ts";

const LONG = "0123456789".repeat(10_000);
const OPTIONS: InteractOptions = { addressText: "/s", timeoutMs: 3_000 };
const LOST = 'Lost the connection to "/s": ';

const bytes = (text: string) => new TextEncoder().encode(text);

/** Input: these chunks, then EOF. */
function piped(...chunks: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map(bytes));
}

/** Input: these chunks, and then nothing, without EOF. */
function typed(...chunks: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (input) => chunks.forEach((chunk) => input.enqueue(bytes(chunk))),
  });
}

/** Collects the output. */
class Output {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];

  /** Takes up to 10,000 bytes at a time. */
  write(data: Uint8Array): Promise<number> {
    const part = data.slice(0, 10_000);
    this.#chunks.push(part);
    return Promise.resolve(part.length);
  }

  text = () => new Blob(this.#chunks).text();
}

const TALKS: [
  ...[what: string, peer: Peer, input: ReadableStream<Uint8Array>],
  ...[output: string, failure: string],
][] = [
  ["piped input is output again", echo, piped("a\n", "b"), "a\nb", ""],
  ["empty input ends without an error", echo, piped(), "", ""],
  [
    "the end of the input half-closes",
    async (conn) => {
      await send(conn, `${(await receiveAll(conn)).length} bytes`);
      await conn.closeWrite();
    },
    piped("four"),
    "4 bytes",
    "",
  ],
  [
    "close, also split and in a word, ends it, though more could be typed",
    async (conn) => {
      for (let said = ""; !said.includes("close");) {
        const text = (await readText(conn))!;
        said += text;
        await send(conn, text);
      }
      await conn.closeWrite();
    },
    typed("a\nenclo", "sed\n"),
    "a\nenclosed\n",
    "",
  ],
  [
    "after close, unread input is no error",
    async (conn) => {
      await readText(conn);
      await send(conn, "close\n");
      conn.close();
    },
    piped("close\n", "more\n", "and more\n"),
    "close\n",
    "",
  ],
  [
    "after close, a reset counts as EOF",
    async (conn) => {
      // Closed with input unread, which resets the other side.
      await conn.read(new Uint8Array(1));
      await send(conn, "close\n");
      conn.close();
    },
    typed("close\n"),
    "close\n",
    "",
  ],
  [
    "a server that closes during typing is reported",
    async (conn) => {
      await send(conn, (await readText(conn))!);
      await conn.closeWrite();
    },
    typed("a\n"),
    "a\n",
    `${LOST}the server closed it`,
  ],
  [
    "a server that closes midway is reported",
    async (conn) => {
      await conn.read(new Uint8Array(1));
      conn.close();
    },
    piped(...Array(50).fill(LONG)),
    "",
    `${LOST}Connection reset by peer (os error 104)`,
  ],
  [
    "missing replies at the end are reported",
    async (conn) => {
      await receiveAll(conn);
      await send(conn, "ab");
      await conn.closeWrite();
    },
    piped("abcd"),
    "ab",
    `${LOST}2 of 4 bytes came back`,
  ],
  [
    "replies that stop time out",
    async (conn) => {
      await send(conn, "ab");
      await receiveAll(conn);
    },
    piped("abcd"),
    "ab",
    'No reply from "/s" within 3000 ms: 2 of 4 bytes came back; use a longer --timeout',
  ],
  [
    "a server may send more than the echo, and need not close",
    async (conn) => {
      await send(conn, "welcome\n");
      await send(conn, await receiveAll(conn));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await send(conn, "bye\n");
    },
    piped("a\n"),
    "welcome\na\nbye\n",
    "",
  ],
  [
    "the time-out restarts with each reply",
    async (conn) => {
      for (const byte of await receiveAll(conn)) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        await send(conn, Uint8Array.of(byte));
      }
      await conn.closeWrite();
    },
    piped("0123456789"),
    "0123456789",
    "",
  ],
  [
    "unreadable input is reported",
    echo,
    new ReadableStream({
      pull() {
        throw new Error("Is a directory (os error 21)");
      },
    }),
    "",
    "Cannot read standard input: Is a directory (os error 21)",
  ],
];

for (const [what, peer, input, text, failure] of TALKS) {
  Deno.test(`interact: ${what}`, async () => {
    const output = new Output();
    const client = (conn: Deno.Conn) =>
      interact(conn, OPTIONS, { input, output });
    assertEquals(await failureOf(peer, client), failure);
    assertEquals(await output.text(), text);
  });
}

Deno.test("interact: each line is answered before the next, however late it is typed", async () => {
  const { readable: input, writable } = new TransformStream();
  const typing = writable.getWriter();
  const output = new Output();
  const failure = failureOf(
    echo,
    (conn) => interact(conn, { ...OPTIONS, timeoutMs: 300 }, { input, output }),
  );
  for (const line of ["one\n", "two\n", "three\n"]) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await typing.write(bytes(line));
    const isEchoed = (text: string) => text.endsWith(line);
    await eventually(`${line.trim()} is echoed`, output.text, isEchoed);
  }
  await typing.close();
  assertEquals(await failure, "");
});

for (const sent of ["a\n", LONG]) {
  Deno.test(`interact: a blocked output of ${sent.length} bytes is no silence of the server, and is written, in parts`, async () => {
    const output = new Output();
    const unblocked = new Promise((resolve) => setTimeout(resolve, 1_500));
    const write = (data: Uint8Array) =>
      unblocked.then(() => output.write(data));
    const options = { ...OPTIONS, timeoutMs: 500 };
    const stdio = { input: piped(sent), output: { write } };
    const client = (conn: Deno.Conn) => interact(conn, options, stdio);
    assertEquals(await failureOf(echo, client), "");
    assertEquals(await output.text(), sent);
  });
}

Deno.test("interact: unwritable output is reported", async () => {
  const write = () => Promise.reject(new Error("Cannot write output: gone"));
  const stdio = { input: typed("a\n"), output: { write } };
  const failing = failureOf(echo, (conn) => interact(conn, OPTIONS, stdio));
  await assertRejects(() => failing, Error, "Cannot write output: gone");
});
