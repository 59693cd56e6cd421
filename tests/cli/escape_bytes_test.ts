import { assert, assertEquals } from "@std/assert";
import { escapeBytes } from "../../cli/escape_bytes.ts";
import { Random } from "../support/random.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

const TEXTS: [rule: string, text: string, rendered: string][] = [
  ["nothing stays nothing", "", ""],
  ["printable text stays as it is", "server start ~!", "server start ~!"],
  ["letters of any script stay", "é ж 日本 👍", "é ж 日本 👍"],
  ["line ends are escaped", "a\nb\r\nc", "a\\nb\\r\\nc"],
  ["tabs are escaped", "a\tb", "a\\tb"],
  ["a backslash is doubled", "C:\\n", "C:\\\\n"],
  ["an escape that was sent is not taken for one", "\\x1b", "\\\\x1b"],
  ["terminal sequences are escaped", "\x1b[2J\x07", "\\x1b[2J\\x07"],
  ["null and delete are escaped", "\0\x7f", "\\x00\\x7f"],
  ["C1 controls are escaped", "\x80\x85\x9b\x9f", "\\x80\\x85\\x9b\\x9f"],
  ["line separators are escaped", "\u2028\u2029", "\\u{2028}\\u{2029}"],
  ["vertical tab and form feed are escaped", "\v\f", "\\x0b\\x0c"],
  [
    "bidirectional overrides and isolates are escaped",
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}\\u{2066}\\u{2067}\\u{2068}\\u{2069}",
  ],
  [
    "bidirectional marks are escaped",
    "\u200e\u200f\u061c",
    "\\u{200e}\\u{200f}\\u{61c}",
  ],
  ["invisible characters are escaped", "a\u200bb\u00ad", "a\\u{200b}b\\xad"],
  ["a byte order mark is escaped", "\ufeffa", "\\u{feff}a"],
  ["tag characters are escaped", "\u{e0041}", "\\u{e0041}"],
  [
    "private and unassigned characters are escaped",
    "\ue000\uffff",
    "\\u{e000}\\u{ffff}",
  ],
  ["a replacement character that was sent stays", "\ufffd", "\ufffd"],
];
for (const [rule, text, rendered] of TEXTS) {
  Deno.test(`escape: ${rule}`, () => {
    assertEquals(escapeBytes(utf8(text)), { text: rendered, cut: false });
  });
}

const INVALID: [what: string, bytes: number[], rendered: string][] = [
  ["a lone continuation byte", [0x61, 0x80, 0x62], "a\\x80b"],
  [
    "bytes that UTF-8 never has",
    [0xff, 0xfe, 0xc0, 0xc1, 0xf5],
    "\\xff\\xfe\\xc0\\xc1\\xf5",
  ],
  ["an overlong slash", [0xc0, 0xaf], "\\xc0\\xaf"],
  ["an overlong newline of two bytes", [0xc0, 0x8a], "\\xc0\\x8a"],
  ["an overlong newline of three bytes", [0xe0, 0x80, 0x8a], "\\xe0\\x80\\x8a"],
  [
    "an overlong newline of four bytes",
    [0xf0, 0x80, 0x80, 0x8a],
    "\\xf0\\x80\\x80\\x8a",
  ],
  ["a high surrogate", [0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"],
  [
    "a surrogate pair",
    [0xed, 0xa0, 0xbd, 0xed, 0xb1, 0x8d],
    "\\xed\\xa0\\xbd\\xed\\xb1\\x8d",
  ],
  [
    "a code point beyond the last",
    [0xf4, 0x90, 0x80, 0x80],
    "\\xf4\\x90\\x80\\x80",
  ],
  ["two of three bytes at the end", [0x61, 0xe6, 0x97], "a\\xe6\\x97"],
  ["three of four bytes at the end", [0xf0, 0x9f, 0x91], "\\xf0\\x9f\\x91"],
  [
    "a sequence that another one interrupts",
    [0xe6, 0x97, 0xc3, 0xa9],
    "\\xe6\\x97é",
  ],
  ["a sequence that a newline interrupts", [0xe6, 0x0a, 0x97], "\\xe6\\n\\x97"],
  ["a control beside an invalid byte", [0xff, 0x1b], "\\xff\\x1b"],
  ["a backslash beside an invalid byte", [0x5c, 0xff], "\\\\\\xff"],
  ["a valid character beside an invalid byte", [0xc3, 0xa9, 0xff], "é\\xff"],
];
for (const [what, bytes, rendered] of INVALID) {
  Deno.test(`escape: ${what} is shown byte by byte`, () => {
    assertEquals(escapeBytes(Uint8Array.from(bytes)), {
      text: rendered,
      cut: false,
    });
  });
}

const CHARACTERS = ["a", "é", "日", "👍", "\n", "\u202e"];
for (const character of CHARACTERS) {
  const rendered = escapeBytes(utf8(character)).text;
  const size = utf8(character).length;
  Deno.test(`escape: the limit counts ${rendered}, of ${size} bytes, as one`, () => {
    for (const [count, cut] of [[2, false], [3, false], [4, true]] as const) {
      assertEquals(escapeBytes(utf8(character.repeat(count)), 3), {
        text: rendered.repeat(Math.min(count, 3)),
        cut,
      });
    }
  });
}

Deno.test("escape: an invalid byte counts as one character", () => {
  const invalid = new Uint8Array(4).fill(0xff);
  assertEquals(escapeBytes(invalid.subarray(0, 3), 3), {
    text: "\\xff\\xff\\xff",
    cut: false,
  });
  assertEquals(escapeBytes(invalid, 3), {
    text: "\\xff\\xff\\xff",
    cut: true,
  });
});

Deno.test("escape: a cut never splits a character, whatever precedes it", () => {
  for (let before = 0; before <= 8; before++) {
    for (const character of ["é", "日", "👍"]) {
      const text = "x".repeat(before) + character.repeat(12);
      const { text: rendered, cut } = escapeBytes(utf8(text), 8);
      assertEquals(rendered, [...text].slice(0, 8).join(""));
      assertEquals(cut, true);
    }
  }
});

Deno.test("escape: a limit of 0 shows nothing", () => {
  assertEquals(escapeBytes(utf8("a"), 0), { text: "", cut: true });
  assertEquals(escapeBytes(utf8(""), 0), { text: "", cut: false });
});

Deno.test("escape: printable ASCII except the backslash is unchanged", () => {
  const random = new Random(1);
  for (let i = 0; i < 500; i++) {
    const text = String.fromCharCode(
      ...Array.from({ length: random.next() % 200 }, () => {
        const code = 0x20 + random.next() % 95;
        return code === 0x5c ? 0x2f : code;
      }),
    );
    assertEquals(escapeBytes(utf8(text)), { text, cut: false });
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

/** Raw bytes, or characters from all over Unicode, or both. */
function anyBytes(random: Random): Uint8Array {
  const pieces = Array.from({ length: random.next() % 40 }, () => {
    if (random.next() % 3 === 0) return Uint8Array.of(random.next() & 255);
    const top = [0x80, 0x800, 0x3000, 0x110000][random.next() % 4]!;
    // An unpaired surrogate becomes a replacement character.
    return utf8(String.fromCodePoint(random.next() % top));
  });
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
