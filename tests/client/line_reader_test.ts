import { assert, assertEquals, assertRejects } from "@std/assert";
import { LineReader } from "../../client/line_reader.ts";
import { Random } from "../support/random.ts";

const MIB = 1024 * 1024;

/** Reads a connection that receives these chunks, then its end. */
function reading(chunks: Iterable<Uint8Array>): LineReader {
  const iterator = Iterator.from(chunks);
  let rest = new Uint8Array(0);
  return new LineReader({
    read(into) {
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
  });
}

async function allLines(chunks: Iterable<Uint8Array>): Promise<string[]> {
  const reader = reading(chunks);
  const lines: Uint8Array[] = [];
  for (let line; (line = await reader.read()) !== null;) lines.push(line);
  assertEquals(await reader.read(), null, "the end stays the end");
  // Later reads have not changed them.
  return lines.map((line) => new TextDecoder("latin1").decode(line));
}

const STREAMS: [what: string, chunks: string[], lines: string[]][] = [
  ["nothing", [], []],
  ["lines in pieces, and together", ["1", "2\n3\n", "\n"], ["12", "3", ""]],
  ["a last line without its newline", ["1\nclo", "se"], ["1", "close"]],
  ["other line ends, and no text", ["1\r\n", "\xff\0\n"], ["1\r", "\xff\0"]],
];
for (const [what, chunks, lines] of STREAMS) {
  Deno.test(`lines: ${what}`, async () => {
    const latin1 = (text: string) =>
      Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    assertEquals(await allLines(chunks.map(latin1)), lines);
  });
}

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
  const newlines = Uint8Array.of(0x0a, 0x62, 0x0a);
  const reader = reading([new Uint8Array(MIB).fill(0x61), newlines]);
  assertEquals((await reader.read())?.length, MIB);
  assertEquals(await reader.read(), Uint8Array.of(0x62));
});

Deno.test("lines: an endless line is refused, not kept", async () => {
  let received = 0;
  const endless = function* () {
    for (;;) {
      received += 10_000;
      yield new Uint8Array(10_000).fill(0x61);
    }
  };
  const reader = reading(endless());
  await assertRejects(() => reader.read(), RangeError, `${MIB} bytes`);
  assert(received < MIB + 100_000, `${received} bytes were read`);
});
