import { assertEquals } from "@std/assert";
import { atMostEvery } from "../../server/at_most_every.ts";
import { eventually } from "../support/eventually.ts";

Deno.test("at most every: the first call is told at once, the rest together", async () => {
  const told: number[] = [];
  const call = atMostEvery(50, (count) => told.push(count));
  for (let i = 0; i < 5; i++) call();
  assertEquals(told, [1]);
  await eventually("the rest is told", () => told.length, (n) => n === 2);
  assertEquals(told, [1, 4]);
});

Deno.test("at most every: after a quiet interval a call is told at once again", async () => {
  const told: number[] = [];
  const call = atMostEvery(1, (count) => told.push(count));
  call();
  await new Promise((resolve) => setTimeout(resolve, 20));
  call();
  assertEquals(told, [1, 1]);
});
