import { assert, assertEquals } from "@std/assert";
import { logger } from "../../mod.ts";
import { LineLog } from "../../server/line_log.ts";
import { eventually, soon } from "../support/eventually.ts";
import { Random } from "../support/random.ts";

/** A sink whose writes the test completes. */
class Sink {
  text = "";
  readonly parts: string[] = [];
  error: Error | undefined;
  /** How many characters fit. */
  room = Infinity;
  /** How many bytes one write takes. */
  most = 100_000;
  gate = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    this.parts.push(new TextDecoder().decode(bytes));
    await this.gate;
    if (this.error !== undefined) throw this.error;
    if (this.room === 0) throw new Error("No space left");
    const part = bytes.subarray(0, Math.min(this.most, this.room));
    this.room -= part.length;
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
}

Deno.test("log: lines are written soon, many at a time and in order", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i}`);
  for (const line of lines) log.line(line);
  const all = `${lines.join("\n")}\n`;
  await eventually("all is written", () => sink.text, (text) => text === all);
  // As few as there can be of 4096 bytes, with room for lines to end before that.
  assertEquals(sink.parts.length, Math.ceil(all.length / 4_000));
});

Deno.test("log: each write has whole lines and at most PIPE_BUF bytes", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  const random = new Random(1);
  const lines = Array.from(
    { length: 500 },
    () => "é".repeat(random.next() % 100),
  );
  const tooLong = "x".repeat(10_000);
  lines.splice(200, 0, "y".repeat(4_095), tooLong, "z".repeat(4_095));
  for (const line of lines) log.line(line);
  await log.flush();
  assertEquals(sink.text, `${lines.join("\n")}\n`);
  for (const part of sink.parts) {
    assert(part.endsWith("\n"), `a write ends within a line: ${part}`);
    const length = new TextEncoder().encode(part).length;
    assert(length <= 4_096 || part === `${tooLong}\n`, `${length} in a write`);
  }
  const fewest = new TextEncoder().encode(sink.text).length / 4_096;
  assert(sink.parts.length < 1.5 * fewest, `${sink.parts.length} writes`);
});

Deno.test("log: after a short write the next one completes the line", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  sink.most = 1_000;
  const lines = Array.from({ length: 300 }, (_, i) => `line number ${i}`);
  for (const line of lines) log.line(line);
  await log.flush();
  assertEquals(sink.text, `${lines.join("\n")}\n`);
  for (const part of sink.parts) assert(part.endsWith("\n"), part);
});

Deno.test("log: lines added during a write go into the next batch", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  log.line("first");
  const flushed = log.flush();
  await eventually("a write", () => sink.parts.length, (count) => count === 1);
  log.line("second");
  gate.resolve();
  await soon("the first line is written", flushed);
  log.line("third");
  await eventually(
    "all is written",
    () => sink.text,
    (text) => text === "first\nsecond\nthird\n",
  );
  assertEquals(sink.parts, ["first\n", "second\nthird\n"]);
});

Deno.test("log: held lines wait for the first flush, and later ones do not", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {}, { held: true });
  log.line("held");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(sink.parts, []);
  await log.flush();
  assertEquals(sink.text, "held\n");
  log.line("later");
  await eventually("all", () => sink.text, (text) => text === "held\nlater\n");
});

Deno.test("log: flush writes queued lines at once", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  log.line("now");
  await log.flush();
  assertEquals(sink.text, "now\n");
  await log.flush();
  assertEquals(sink.parts.length, 1);
});

Deno.test("log: a sink that stalls costs lines, not memory, and they are counted", async () => {
  const sink = new Sink();
  const lost: [number, string][] = [];
  const log = new LineLog(sink, (lines, why) => lost.push([lines, why]));
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  const line = "x".repeat(1_023);
  log.line("first");
  const flushed = log.flush();
  for (let i = 0; i < 10_000; i++) log.line(line);
  gate.resolve();
  await soon("the log is written", flushed);
  assert(sink.text.length < 2 * 1024 * 1024, `${sink.text.length} were kept`);
  const kept = (sink.text.length - "first\n".length) / 1_024;
  assertEquals(lost, [[10_000 - kept, "its reader is too slow"]]);
});

Deno.test("log: a failed sink is reported, and later lines get through", async () => {
  const sink = new Sink();
  const lost: [number, string][] = [];
  const log = new LineLog(sink, (lines, why) => lost.push([lines, why]));
  sink.error = new Error("No space left");
  log.line("a");
  log.line("b");
  await log.flush();
  assertEquals(lost, [[2, "No space left"]]);
  sink.error = undefined;
  log.line("c");
  await log.flush();
  assertEquals(sink.text, "c\n");
});

Deno.test("log: whole lines of a partly written batch count as written, and the next batch starts a new line", async () => {
  const sink = new Sink();
  const lost: [number, string][] = [];
  const log = new LineLog(sink, (lines, why) => lost.push([lines, why]));
  sink.room = "one\ntwo\nthr".length;
  for (const line of ["one", "two", "three", "four"]) log.line(line);
  await log.flush();
  log.line("five");
  await log.flush();
  assertEquals(lost, [[2, "No space left"], [1, "No space left"]]);
  sink.room = Infinity;
  log.line("six");
  log.line("seven");
  await log.flush();
  assertEquals(sink.text, "one\ntwo\nthr\nsix\nseven\n");
  assertEquals(lost.length, 2);
});

Deno.test("log: dropped lines are reported as lost, once", async () => {
  const sink = new Sink();
  const lost: [number, string][] = [];
  const log = new LineLog(sink, (lines, why) => lost.push([lines, why]));
  sink.most = "one\n".length;
  for (const line of ["one", "two", "three"]) log.line(line);
  const gate = Promise.withResolvers<void>();
  const { write } = sink;
  // The first write succeeds; the second one hangs.
  sink.write = (bytes) => {
    if (sink.parts.length === 1) sink.gate = gate.promise;
    return write.call(sink, bytes);
  };
  log.flush();
  await eventually("two writes", () => sink.parts.length, (n) => n === 2);
  log.line("four");
  log.giveUp();
  assertEquals(lost, [[3, "its reader is too slow"]]);
  log.giveUp();
  assertEquals(lost.length, 1);
});

Deno.test("log: takes the lines of a logger", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  logger({ name: "web", journal: false, sink: log }).warning("Nearly full");
  logger({ name: "web", journal: false, sink: log }).error("Full");
  await log.flush();
  assertEquals(sink.text, "web: warning: Nearly full\nweb: error: Full\n");
});
