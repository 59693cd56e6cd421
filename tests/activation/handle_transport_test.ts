import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  lendReadBuffer,
  returnReadBuffer,
} from "../../activation/_handle_transport.ts";

Deno.test("a returned buffer is reused", () => {
  const buffer = lendReadBuffer()!;
  returnReadBuffer(buffer, false);
  const next = lendReadBuffer()!;
  assertStrictEquals(next, buffer);
  returnReadBuffer(next, false);
});

Deno.test("a buffer in use is not reused", () => {
  const buffer = lendReadBuffer()!;
  returnReadBuffer(buffer, true);
  const next = lendReadBuffer()!;
  assert(next !== buffer);
  returnReadBuffer(next, false);
});

Deno.test("a transferred buffer is not reused", () => {
  const buffer = lendReadBuffer()!;
  const size = buffer.byteLength;
  structuredClone(buffer, { transfer: [buffer] });
  returnReadBuffer(buffer, false);
  const next = lendReadBuffer()!;
  assertEquals(next.byteLength, size);
  returnReadBuffer(next, false);
});
