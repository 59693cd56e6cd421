import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { BenchPayload, WINDOW_BYTES } from "../../client/bench_payload.ts";

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

for (const size of [1, 2, 5, 1_000, 32_768, 65_535, 65_536, 65_537, 300_000]) {
  Deno.test(`payload: messages of ${size} bytes end with newlines, never contain close, and are the same wherever they are cut`, () => {
    const payload = new BenchPayload(size);
    const all = stream(payload, payload.period + 3 * size + 2 * WINDOW_BYTES);
    for (let end = size; end <= all.length; end += size) {
      assertEquals(all[end - 1], 0x0a, `at ${end - 1}`);
    }
    assertEquals(/c/i.test(new TextDecoder().decode(all)), false);
    for (const at of [0, 1, size, payload.period - 1, payload.period + 7]) {
      assertEquals(payload.at(at, WINDOW_BYTES).length, WINDOW_BYTES);
      for (const length of [999, WINDOW_BYTES]) {
        assertEquals(payload.differenceAt(all.slice(at, at + length), at), -1);
      }
    }
  });
}

Deno.test("payload: changed, missing and additional bytes are detected", () => {
  const payload = new BenchPayload(64);
  assertNotEquals(payload.at(0, 64), payload.at(64, 64));
  const bytes = payload.at(100, 5_000);
  for (const at of [0, 1, 2_500, 4_999]) {
    const wrong = bytes.slice();
    wrong[at]! ^= 1;
    assertEquals(payload.differenceAt(wrong, 100), at);
  }
  assertNotEquals(payload.differenceAt(bytes.subarray(1), 100), -1);
  assertNotEquals(payload.differenceAt(bytes, 101), -1);
});
