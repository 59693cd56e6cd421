import { assert, assertEquals } from "@std/assert";
import { LineLog } from "../../server/line_log.ts";
import { eventually, soon } from "../support/eventually.ts";

/** A sink that takes what it is given when it is told to. */
class Sink {
  text = "";
  writes = 0;
  error: Error | undefined;
  gate = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    this.writes += 1;
    await this.gate;
    if (this.error !== undefined) throw this.error;
    const part = bytes.subarray(0, 100_000);
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
  assertEquals(sink.writes, 1);
});

Deno.test("log: flush writes at once what waits", async () => {
  const sink = new Sink();
  const log = new LineLog(sink, () => {});
  log.line("now");
  await log.flush();
  assertEquals(sink.text, "now\n");
  await log.flush();
  assertEquals(sink.writes, 1);
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
  assertEquals(lost, [[10_000 - kept, "nobody read them in time"]]);
});

Deno.test("log: a sink that fails is told of, and lines get through again later", async () => {
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
