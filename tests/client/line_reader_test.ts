import { assert, assertEquals, assertRejects } from "@std/assert";
import { LineReader } from "../../client/line_reader.ts";
import { Random } from "../support/random.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const MIB = 1024 * 1024;

/** A connection that receives these chunks, then its end. */
function receiving(chunks: Iterable<Uint8Array>) {
  const iterator = Iterator.from(chunks);
  let rest = new Uint8Array(0);
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (rest.length === 0) {
        const { value, done } = iterator.next();
        if (done) return Promise.resolve(null);
        rest = value.slice();
      }
      const part = rest.subarray(0, into.length);
      into.set(part);
      rest = rest.subarray(part.length);
      return Promise.resolve(part.length);
    },
  };
}

async function allLines(chunks: Iterable<Uint8Array>): Promise<string[]> {
  const reader = new LineReader(receiving(chunks));
  const lines: string[] = [];
  for (let line; (line = await reader.read()) !== null;) {
    lines.push(new TextDecoder("latin1").decode(line));
  }
  assertEquals(await reader.read(), null, "the end stays the end");
  return lines;
}

const STREAMS: [what: string, chunks: string[], lines: string[]][] = [
  ["nothing", [], []],
  ["a line", ["1\n"], ["1"]],
  ["a line in pieces", ["1", "2", "3", "\n"], ["123"]],
  ["lines in one piece", ["1\n2\n3\n"], ["1", "2", "3"]],
  ["lines cut anywhere", ["1\n2", "2\n3", "3\n"], ["1", "22", "33"]],
  ["empty lines", ["\n\n", "\n"], ["", "", ""]],
  ["a newline by itself", ["1", "\n", "2", "\n"], ["1", "2"]],
  ["a last line without its newline", ["1\n2"], ["1", "2"]],
  ["only a line without its newline", ["clo", "se"], ["close"]],
  ["other line ends", ["1\r\n"], ["1\r"]],
];
for (const [what, chunks, lines] of STREAMS) {
  Deno.test(`lines: ${what}`, async () => {
    assertEquals(await allLines(chunks.map(bytes)), lines);
  });
}

Deno.test("lines: are bytes, not text", async () => {
  const reader = new LineReader(
    receiving([Uint8Array.of(0xff, 0x00, 0xc3), Uint8Array.of(0xa9, 0x0a)]),
  );
  assertEquals(await reader.read(), Uint8Array.of(0xff, 0x00, 0xc3, 0xa9));
});

Deno.test("lines: a line stays as it is while later ones are read", async () => {
  const reader = new LineReader(receiving([bytes("aaa\n"), bytes("bbb\n")]));
  const first = await reader.read();
  await reader.read();
  assertEquals(first, bytes("aaa"));
});

Deno.test("lines: are those of the stream, wherever it is split", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const stream = Uint8Array.from(
      { length: random.next() % 200 },
      () => [0x0a, 0x61, 0x62, 0xff][random.next() % 4]!,
    );
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length;) {
      const length = 1 + random.next() % 9;
      chunks.push(stream.subarray(at, at + length));
      at += length;
    }
    const expected = new TextDecoder("latin1").decode(stream).split("\n");
    if (expected.at(-1) === "") expected.pop();
    assertEquals(await allLines(chunks), expected, `seed ${seed}`);
  }
});

Deno.test("lines: one of a mebibyte is read", async () => {
  const reader = new LineReader(
    receiving([new Uint8Array(MIB).fill(0x61), bytes("\nnext\n")]),
  );
  assertEquals((await reader.read())?.length, MIB);
  assertEquals(await reader.read(), bytes("next"));
});

Deno.test("lines: an endless line is refused, not kept", async () => {
  let received = 0;
  const endless = function* () {
    for (;;) {
      received += 10_000;
      yield new Uint8Array(10_000).fill(0x61);
    }
  };
  const reader = new LineReader(receiving(endless()));
  await assertRejects(() => reader.read(), RangeError, `${MIB} bytes`);
  assert(received < MIB + 100_000, `${received} bytes were read`);
});

Deno.test("lines: an error of the connection is thrown", async () => {
  const reader = new LineReader({
    read: () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
  });
  await assertRejects(() => reader.read(), Deno.errors.ConnectionReset);
});
