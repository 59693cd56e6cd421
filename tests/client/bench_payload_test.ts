import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { BenchPayload, WINDOW_BYTES } from "../../client/bench_payload.ts";

const SIZES = [1, 2, 5, 64, 1_000, 32_768, 65_535, 65_536, 65_537, 300_000];

/** The first N bytes of the stream. */
function stream(payload: BenchPayload, length: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const part = payload.at(at, length - at);
    assert(part.length > 0, `no bytes at ${at}`);
    all.set(part, at);
    at += part.length;
  }
  return all;
}

for (const size of SIZES) {
  Deno.test(`payload: messages of ${size} bytes end with newlines, and never contain close`, () => {
    const payload = new BenchPayload(size);
    const all = stream(payload, payload.period + 3 * size);
    for (let end = size; end <= all.length; end += size) {
      assertEquals(all[end - 1], 0x0a, `at ${end - 1}`);
    }
    assertEquals(/c|C|close/.test(new TextDecoder().decode(all)), false);
  });

  Deno.test(`payload: the stream of ${size}-byte messages is the same wherever it is cut`, () => {
    const payload = new BenchPayload(size);
    const all = stream(payload, payload.period + 2 * WINDOW_BYTES);
    for (const at of [0, 1, size, payload.period - 1, payload.period + 7]) {
      const part = payload.at(at, WINDOW_BYTES);
      assertEquals(part.length, WINDOW_BYTES);
      assertEquals(payload.differenceAt(all.slice(at, at + 999), at), -1);
      assertEquals(
        payload.differenceAt(all.slice(at, at + WINDOW_BYTES), at),
        -1,
      );
    }
  });
}

Deno.test("payload: small messages differ from one another", () => {
  const payload = new BenchPayload(64);
  assertNotEquals(payload.at(0, 64), payload.at(64, 64));
});

Deno.test("payload: the first differing byte is reported", () => {
  const payload = new BenchPayload(64);
  const bytes = payload.at(100, 5_000).slice();
  for (const at of [0, 1, 2_500, 4_999]) {
    const wrong = bytes.slice();
    wrong[at]! ^= 1;
    assertEquals(payload.differenceAt(wrong, 100), at);
  }
});

Deno.test("payload: a missing or additional byte is detected", () => {
  const payload = new BenchPayload(64);
  const bytes = payload.at(0, 128);
  assert(payload.differenceAt(bytes.subarray(1), 0) !== -1);
  assert(payload.differenceAt(bytes.subarray(0, 127), 1) !== -1);
});
