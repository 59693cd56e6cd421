import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { outputError, writeLine } from "../../cli/write_line.ts";

Deno.test("line: is one write; short writes are continued", () => {
  for (const most of [1, 2, 3, 7, 1_000]) {
    const written: number[] = [];
    let writes = 0;
    for (const line of ["recv: é 👍", "", "next"]) {
      writeLine({
        writeSync(bytes) {
          writes += 1;
          written.push(...bytes.subarray(0, most));
          return Math.min(most, bytes.length);
        },
      }, line);
    }
    const text = new TextDecoder().decode(Uint8Array.from(written));
    assertEquals(text, "recv: é 👍\n\nnext\n");
    if (most === 1_000) assertEquals(writes, 3);
  }
});

Deno.test("line: an error names the output and the reason, also after a short write", () => {
  const cause = new Error("No space left on device");
  let writes = 0;
  const sink = {
    writeSync(): number {
      writes += 1;
      if (writes > 1) throw cause;
      return 1;
    },
  };
  const error = assertThrows(() => writeLine(sink, "abc"), Error);
  assertEquals(error.message, "Cannot write output: No space left on device");
  assertStrictEquals(error.cause, cause);
  assertEquals(writes, 2);
});

Deno.test("line: a closed reader is distinguished from other errors", () => {
  const gone = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  assertEquals(outputError(gone).isClosed, true);
  assertEquals(outputError(new Error("No space left")).isClosed, false);
  assertEquals(outputError("gone").isClosed, false);
  assertEquals(outputError("gone").message, "Cannot write output: gone");
});
