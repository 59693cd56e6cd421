import { assert, assertEquals } from "@std/assert";
import { escapeBytes } from "../../cli/escape_bytes.ts";
import { Random } from "../support/random.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

const { raw } = String;

const PRINTABLE = String.fromCharCode(
  ...Array.from({ length: 95 }, (_, i) => 0x20 + i),
).replace("\\", "");

const TEXTS: [text: string, shown: string][] = [
  ["", ""],
  [PRINTABLE, PRINTABLE],
  ["é ж 日本 👍 \ufffd", "é ж 日本 👍 \ufffd"],
  ["a\nb\r\nc\td", raw`a\nb\r\nc\td`],
  // An escape that was sent is not taken for one.
  ["C:\\n \\x1b", raw`C:\\n \\x1b`],
  ["\x1b[2J\x07\0\x7f\v\f", raw`\x1b[2J\x07\x00\x7f\x0b\x0c`],
  // Controls above ASCII, and the line separators.
  ["\x80\x85\x9b\x9f", raw`\x80\x85\x9b\x9f`],
  ["\u2028\u2029", raw`\u{2028}\u{2029}`],
  // Bidirectional overrides, isolates and marks.
  ["\u202a\u202e\u2066\u2069", raw`\u{202a}\u{202e}\u{2066}\u{2069}`],
  ["\u200e\u200f\u061c", raw`\u{200e}\u{200f}\u{61c}`],
  // Invisible characters, a byte order mark, tags; private and unassigned characters.
  ["a\u200bb\u00ad", raw`a\u{200b}b\xad`],
  ["\ufeffa\u{e0041}", raw`\u{feff}a\u{e0041}`],
  ["\ue000\uffff", raw`\u{e000}\u{ffff}`],
];

Deno.test("escape: text stays text, and what controls a terminal is escaped", () => {
  for (const [text, shown] of TEXTS) {
    assertEquals(escapeBytes(utf8(text)), { text: shown, cut: false });
  }
});

const INVALID: [what: string, hex: string, shown?: string][] = [
  ["bytes that UTF-8 never has", "fffec0c1f5"],
  ["an overlong newline of two bytes", "c08a"],
  ["an overlong newline of four bytes", "f080808a"],
  ["a surrogate pair", "eda0bdedb18d"],
  ["a code point beyond the last", "f4908080"],
  ["three of four bytes at the end", "f09f91"],
  ["a lone continuation byte", "618062", raw`a\x80b`],
  ["a sequence that another one interrupts", "e697c3a9", raw`\xe6\x97é`],
  ["a sequence that a newline interrupts", "e60a97", raw`\xe6\n\x97`],
  ["a control beside an invalid byte", "ff1b", raw`\xff\x1b`],
  ["a backslash beside an invalid byte", "5cff", raw`\\\xff`],
  ["a valid character beside an invalid byte", "c3a9ff", raw`é\xff`],
];

Deno.test("escape: bytes that are no UTF-8 are shown byte by byte", () => {
  for (const [what, hex, shown] of INVALID) {
    const text = shown ?? hex.replaceAll(/../g, "\\x$&");
    const escaped = escapeBytes(Uint8Array.fromHex(hex));
    assertEquals(escaped, { text, cut: false }, what);
  }
});

Deno.test("escape: the limit counts characters of any size, and invalid bytes, as one", () => {
  const invalid = Uint8Array.of(0xff);
  for (const one of [..."aé日👍\n\u202e"].map(utf8).concat(invalid)) {
    const { text } = escapeBytes(one);
    for (const [limit, count] of [[3, 2], [3, 3], [3, 4], [0, 1], [0, 0]]) {
      const bytes = Uint8Array.from(Array(count).fill([...one]).flat());
      assertEquals(escapeBytes(bytes, limit), {
        text: text.repeat(Math.min(count!, limit!)),
        cut: count! > limit!,
      });
    }
  }
});

Deno.test("escape: any bytes become one line that moves no terminal", () => {
  const random = new Random(2);
  for (let i = 0; i < 2_000; i++) {
    const bytes = anyBytes(random);
    const limit = random.next() % 64;
    const { text, cut } = escapeBytes(bytes, limit);
    const what = `bytes ${bytes}, limit ${limit}: ${JSON.stringify(text)}`;
    assert(!/[\p{C}\p{Zl}\p{Zp}]/u.test(text), what);
    const backslashes = text.replaceAll(
      /\\(n|r|t|\\|x[0-9a-f]{2}|u\{[0-9a-f]{2,6}\})/g,
      "",
    );
    assert(!backslashes.includes("\\"), what);
    const all = escapeBytes(bytes).text;
    assert(all.startsWith(text), what);
    assertEquals(cut, text !== all, what);
  }
});

/** Raw bytes, and characters from all over Unicode. */
function anyBytes(random: Random): Uint8Array {
  const pieces = Array.from({ length: random.next() % 40 }, () => {
    if (random.next() % 3 === 0) return Uint8Array.of(random.next() & 255);
    const top = [0x80, 0x800, 0x3000, 0x110000][random.next() % 4]!;
    // An unpaired surrogate becomes a replacement character.
    return utf8(String.fromCodePoint(random.next() % top));
  });
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
