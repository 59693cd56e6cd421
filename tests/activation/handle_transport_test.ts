import { assert, assertEquals } from "@std/assert";
import {
  lendReadBuffer,
  returnReadBuffer,
} from "../../activation/_handle_transport.ts";

Deno.test("a returned buffer is reused, unless it is in use or was transferred", () => {
  for (const how of ["returned", "in use", "transferred"]) {
    const buffer = lendReadBuffer()!;
    if (how === "transferred") structuredClone(buffer, { transfer: [buffer] });
    returnReadBuffer(buffer, how === "in use");
    const next = lendReadBuffer()!;
    assertEquals(next === buffer, how === "returned", how);
    assert(next.byteLength > 0);
    returnReadBuffer(next, false);
  }
});
