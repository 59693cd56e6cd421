import { assertEquals } from "@std/assert";
import { throttle } from "../../server/reporting.ts";
import { eventually } from "../support/eventually.ts";

const HOUR_MS = 3_600_000;

Deno.test("throttle: the first count is reported at once, the rest together", async () => {
  const reports: number[] = [];
  const add = throttle(50, (count) => reports.push(count));
  for (let i = 0; i < 5; i++) add();
  add(10);
  assertEquals(reports, [1]);
  await eventually("the rest", () => reports.length, (n) => n === 2);
  assertEquals(reports, [1, 14]);
  add.flush();
  assertEquals(reports, [1, 14]);
});

Deno.test("throttle: a count after an idle interval is reported at once again", async () => {
  const reports: number[] = [];
  const add = throttle(1, (count) => reports.push(count));
  await eventually("a second report at once", () => {
    const before = reports.length;
    add();
    return reports.length - before;
  }, (more) => more === 1 && reports.length > 1);
});

Deno.test("throttle: flush reports the queued entries, each once", () => {
  const reports: number[] = [];
  const add = throttle(HOUR_MS, (count) => reports.push(count));
  add();
  add(3);
  add.flush();
  add.flush();
  assertEquals(reports, [1, 3]);
});
