import { assertEquals, assertThrows } from "@std/assert";
import {
  CodeCacheFormatError,
  formatCodeCache,
  parseCodeCache,
} from "../../toolchain/code_cache_file.ts";

const KEY = 0xfedc_ba98_7654_3210n;

/** An entry as Deno writes it: data, kind, specifier and its length, two hashes. */
function entry(specifier: string, data: number[]) {
  const name = new TextEncoder().encode(specifier);
  const hashes = [...Array(16).keys()];
  const bytes = Uint8Array.from(
    [...data, 0, ...name, name.length, 0, 0, 0, ...hashes],
  );
  return { specifier, bytes };
}

const SOME = [entry("node:process", [1, 2, 3]), entry("ext:b/é.ts", [])];

Deno.test("a code cache is read as it was written, in the order of the specifiers", () => {
  assertEquals(parseCodeCache(formatCodeCache(KEY, SOME)), [
    SOME[1]!,
    SOME[0]!,
  ]);
  assertEquals(
    formatCodeCache(KEY, SOME),
    formatCodeCache(KEY, SOME.toReversed()),
  );
  assertEquals(parseCodeCache(formatCodeCache(KEY, [])), []);
});

Deno.test("a code cache starts with its key and the lengths, little-endian", () => {
  const [first, second] = [SOME[1]!.bytes, SOME[0]!.bytes];
  const header = [
    ...[0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe],
    ...[2, 0, 0, 0],
    ...[first.length, 0, 0, 0, 0, 0, 0, 0],
    ...[second.length, 0, 0, 0, 0, 0, 0, 0],
  ];
  assertEquals(
    formatCodeCache(KEY, SOME),
    Uint8Array.from([...header, ...first, ...second]),
  );
});

Deno.test("what is read may be part of a larger buffer", () => {
  const file = formatCodeCache(KEY, SOME);
  const larger = new Uint8Array(file.length + 14);
  larger.set(file, 7);
  assertEquals(
    parseCodeCache(larger.subarray(7, -7)),
    parseCodeCache(file),
  );
});

Deno.test("whatever is missing from a code cache, or too much, it is an error that says how much", () => {
  const file = formatCodeCache(KEY, SOME);
  for (let length = 0; length < file.length; length++) {
    assertThrows(
      () => parseCodeCache(file.subarray(0, length)),
      CodeCacheFormatError,
      " were announced; it is not a code cache",
      `${length} bytes`,
    );
  }
  assertThrows(
    () => parseCodeCache(Uint8Array.from([...file, 0])),
    CodeCacheFormatError,
    `${file.length + 1} bytes where ${file.length} were announced`,
  );
});

Deno.test("a specifier that is longer than its entry is an error", () => {
  const { bytes } = entry("node:process", []);
  const wrong = bytes.slice();
  wrong[wrong.length - 20] = 200;
  assertThrows(
    () =>
      parseCodeCache(formatCodeCache(KEY, [{ specifier: "", bytes: wrong }])),
    CodeCacheFormatError,
    `${wrong.length} bytes where ${wrong.length + 200 - 12} were announced`,
  );
});
