import { assert, assertEquals } from "@std/assert";
import { LineLog } from "../../server/line_log.ts";
import { eventually, soon } from "../support/eventually.ts";
import { Random } from "../support/random.ts";

/** A sink whose writes the test completes. */
class Sink {
  text = "";
  readonly parts: string[] = [];
  /** The number of characters until the disk is full. */
  room = Infinity;
  /** The most bytes of one write. */
  most = 100_000;
  gate = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    this.parts.push(new TextDecoder().decode(bytes));
    await this.gate;
    if (this.room === 0) throw new Error("No space left");
    const part = bytes.subarray(0, Math.min(this.most, this.room));
    this.room -= part.length;
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
}

/** A log of these lines, and the losses that it reports. */
function logOf(lines: string[], options?: { held: boolean }) {
  const sink = new Sink();
  const lost: [lines: number, reason: string][] = [];
  const report = (...loss: (typeof lost)[0]) => lost.push(loss);
  const log = new LineLog(sink, report, options);
  for (const line of lines) log.line(line);
  return { sink, lost, log };
}

Deno.test("log: lines are written soon, many at a time and in order", async () => {
  const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i}`);
  const { sink } = logOf(lines);
  const all = `${lines.join("\n")}\n`;
  await eventually("all is written", () => sink.text, (text) => text === all);
  // As few as there can be of 4096 bytes, with room for lines to end before that.
  assertEquals(sink.parts.length, Math.ceil(all.length / 4_000));
});

Deno.test("log: each write has whole lines and at most PIPE_BUF bytes", async () => {
  const random = new Random(1);
  const line = () => "é".repeat(random.next() % 100);
  const lines = Array.from({ length: 500 }, line);
  const tooLong = "x".repeat(10_000);
  lines.splice(200, 0, "y".repeat(4_095), tooLong, "z".repeat(4_095));
  const { sink, log } = logOf(lines);
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
  const lines = Array.from({ length: 300 }, (_, i) => `line number ${i}`);
  const { sink, log } = logOf(lines);
  sink.most = 1_000;
  await log.flush();
  assertEquals(sink.text, `${lines.join("\n")}\n`);
  for (const part of sink.parts) assert(part.endsWith("\n"), part);
});

Deno.test("log: lines added during a write go into the next batch", async () => {
  const { sink, log } = logOf(["first"]);
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  const flushed = log.flush();
  await eventually("a write", () => sink.parts.length, (count) => count === 1);
  log.line("second");
  gate.resolve();
  await soon("the first line is written", flushed);
  log.line("third");
  await eventually("all", () => sink.parts.length, (count) => count === 2);
  assertEquals(sink.parts, ["first\n", "second\nthird\n"]);
});

Deno.test("log: held lines wait for the first flush, and later ones do not", async () => {
  const { sink, log } = logOf(["held"], { held: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(sink.parts, []);
  await log.flush();
  assertEquals(sink.text, "held\n");
  log.line("later");
  await eventually("all", () => sink.text, (text) => text === "held\nlater\n");
});

Deno.test("log: a sink that stalls costs lines, not memory, and they are counted", async () => {
  const { sink, lost, log } = logOf(["first"]);
  const gate = Promise.withResolvers<void>();
  sink.gate = gate.promise;
  const flushed = log.flush();
  for (let i = 0; i < 10_000; i++) log.line("x".repeat(1_023));
  gate.resolve();
  await soon("the log is written", flushed);
  assert(sink.text.length < 2 * 1024 * 1024, `${sink.text.length} were kept`);
  const kept = (sink.text.length - "first\n".length) / 1_024;
  assertEquals(lost, [[10_000 - kept, "its reader is too slow"]]);
  log.line("later");
  await log.flush();
  assert(sink.text.endsWith("later\n"), "no line is taken after the stall");
});

Deno.test("log: on a full disk, whole lines count as written, and later ones start anew", async () => {
  const { sink, lost, log } = logOf([]);
  for (
    const [lines, room] of [
      [["zero"], 0],
      [["one", "two", "three", "four"], "one\ntwo\nthr".length],
      [["five"], 0],
      [["six", "seven"], Infinity],
    ] as const
  ) {
    sink.room = room;
    for (const line of lines) log.line(line);
    await log.flush();
  }
  assertEquals(sink.text, "one\ntwo\nthr\nsix\nseven\n");
  assertEquals(lost, [1, 2, 1].map((lines) => [lines, "No space left"]));
});

Deno.test("log: lines that are given up are reported as lost, once", async () => {
  const { sink, lost, log } = logOf(["one", "two", "three"]);
  sink.most = "one\n".length;
  const { write } = sink;
  // The first write succeeds; the second one hangs.
  sink.write = (bytes) => {
    if (sink.parts.length === 1) sink.gate = new Promise(() => {});
    return write.call(sink, bytes);
  };
  log.flush();
  await eventually("two writes", () => sink.parts.length, (n) => n === 2);
  log.line("four");
  log.giveUp();
  log.giveUp();
  assertEquals(lost, [[3, "its reader is too slow"]]);
});
