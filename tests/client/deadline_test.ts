import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { deadline } from "../../client/client_error.ts";
import { run } from "../support/program.ts";

const late = () => new RangeError("late");

Deno.test("deadline: a value in time is returned", async () => {
  assertEquals(await deadline(Promise.resolve("reply"), 10_000, late), "reply");
});

Deno.test("deadline: an error in time is thrown", async () => {
  const error = new Error("early");
  assertStrictEquals(
    await assertRejects(() => deadline(Promise.reject(error), 10_000, late)),
    error,
  );
});

Deno.test("deadline: throws at the deadline, not before", async () => {
  const start = performance.now();
  const never = new Promise(() => {});
  await assertRejects(() => deadline(never, 50, late), RangeError, "late");
  const took = performance.now() - start;
  // Timers may be a millisecond early.
  assertEquals(took >= 48 && took < 5_000, true, `took ${took} ms`);
});

Deno.test("deadline: a late error is not unhandled", async () => {
  const { promise, reject } = Promise.withResolvers();
  await assertRejects(() => deadline(promise, 1, late), RangeError);
  let unhandled: unknown;
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled = event.reason;
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  reject(new Error("too late"));
  // Unhandled rejections are reported after the current task.
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.removeEventListener("unhandledrejection", onUnhandled);
  assertEquals(unhandled, undefined);
});

Deno.test("deadline: one that was met keeps no process waiting", async () => {
  const url = new URL("../../client/client_error.ts", import.meta.url).href;
  const script = `import { deadline } from "${url}";
    await deadline(Promise.resolve(), 60_000, () => new Error("late"));
    console.log("done");`;
  const started = performance.now();
  const { code, stdout } = await run(Deno.execPath(), ["eval", script]);
  assertEquals({ code, stdout }, { code: 0, stdout: "done\n" });
  assertEquals(performance.now() - started < 20_000, true);
});
