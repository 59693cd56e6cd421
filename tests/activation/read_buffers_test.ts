import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  lendReadBuffer,
  returnReadBuffer,
} from "../../activation/read_buffers.ts";

Deno.test("a buffer that came back is lent again", () => {
  const buffer = lendReadBuffer()!;
  returnReadBuffer(buffer, false);
  const next = lendReadBuffer()!;
  assertStrictEquals(next, buffer);
  returnReadBuffer(next, false);
});

Deno.test("a buffer that somebody still looks at is not lent again", () => {
  const buffer = lendReadBuffer()!;
  returnReadBuffer(buffer, true);
  const next = lendReadBuffer()!;
  assert(next !== buffer);
  returnReadBuffer(next, false);
});

Deno.test("a buffer that was given away is not lent again", () => {
  const buffer = lendReadBuffer()!;
  const size = buffer.byteLength;
  structuredClone(buffer, { transfer: [buffer] });
  returnReadBuffer(buffer, false);
  const next = lendReadBuffer()!;
  assertEquals(next.byteLength, size);
  returnReadBuffer(next, false);
});
