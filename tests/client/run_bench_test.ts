import { assertEquals } from "@std/assert";
import { ProgressLine } from "../../client/run_bench.ts";

/** Collects what is written. */
function sink(isTerminal: boolean) {
  const decoder = new TextDecoder();
  return {
    text: "",
    isTerminal: () => isTerminal,
    writeSync(bytes: Uint8Array) {
      this.text += decoder.decode(bytes);
      return bytes.length;
    },
  };
}

Deno.test("progress: each text replaces the last, and the end removes it", () => {
  const terminal = sink(true);
  {
    using line = new ProgressLine(terminal);
    line.show("one");
    line.show("two");
  }
  assertEquals(terminal.text, "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[K");
});

Deno.test("progress: without a terminal nothing is written", () => {
  const file = sink(false);
  {
    using line = new ProgressLine(file);
    line.show("one");
  }
  assertEquals(file.text, "");
});

Deno.test("progress: without shown progress the terminal is not written to", () => {
  const terminal = sink(true);
  new ProgressLine(terminal)[Symbol.dispose]();
  assertEquals(terminal.text, "");
});

Deno.test("progress: a closed terminal is no error", () => {
  using line = new ProgressLine({
    isTerminal: () => true,
    writeSync() {
      throw new Error("Input/output error (os error 5)");
    },
  });
  line.show("one");
});
