import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type LineSink, outputError, writeLine } from "../../cli/write_line.ts";

/** Takes at most N bytes at a time. */
class SlowSink implements LineSink {
  readonly #most: number;
  readonly #taken: number[] = [];
  calls = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#taken));
  }

  writeSync(bytes: Uint8Array): number {
    this.calls += 1;
    const part = bytes.subarray(0, this.#most);
    this.#taken.push(...part);
    return part.length;
  }
}

Deno.test("line: ends with one newline, in one write", () => {
  const sink = new SlowSink(1_000);
  writeLine(sink, "server start");
  assertEquals(sink.text, "server start\n");
  assertEquals(sink.calls, 1);
});

Deno.test("line: an empty one is a newline", () => {
  const sink = new SlowSink(1_000);
  writeLine(sink, "");
  assertEquals(sink.text, "\n");
});

Deno.test("line: continues after a short write", () => {
  for (const most of [1, 2, 3, 7]) {
    const sink = new SlowSink(most);
    writeLine(sink, "recv: é 👍");
    writeLine(sink, "next");
    assertEquals(sink.text, "recv: é 👍\nnext\n");
  }
});

Deno.test("line: an error names the output and the reason", () => {
  const cause = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  const sink = {
    writeSync(): number {
      throw cause;
    },
  };
  const error = assertThrows(() => writeLine(sink, "x"), Error);
  assertEquals(error.message, "Cannot write output: Broken pipe (os error 32)");
  assertStrictEquals(error.cause, cause);
});

Deno.test("line: a closed reader is distinguished from other errors", () => {
  const gone = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
  assertEquals(outputError(gone).isClosed, true);
  assertEquals(outputError(new Error("No space left")).isClosed, false);
  assertEquals(outputError("gone").isClosed, false);
});

Deno.test("line: an error after a short write is reported too", () => {
  let calls = 0;
  const sink = {
    writeSync(): number {
      calls += 1;
      if (calls > 1) throw new Error("No space left on device");
      return 1;
    },
  };
  assertThrows(
    () => writeLine(sink, "abc"),
    Error,
    "Cannot write output: No space left on device",
  );
  assertEquals(calls, 2);
});

Deno.test("line: any thrown value becomes an error with a reason", () => {
  assertEquals(outputError("gone").message, "Cannot write output: gone");
});
