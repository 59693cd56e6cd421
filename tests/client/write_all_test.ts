import { assertEquals, assertRejects } from "@std/assert";
import { writeAll } from "../../client/connect.ts";

Deno.test("write: continues until all bytes are taken, in order", async () => {
  const taken: number[] = [];
  const counts: number[] = [];
  const to = {
    write(bytes: Uint8Array) {
      const part = bytes.subarray(0, 1 + counts.length);
      taken.push(...part);
      counts.push(part.length);
      return Promise.resolve(part.length);
    },
  };
  await writeAll(to, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assertEquals(taken, [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(counts, [1, 2, 3, 2]);
});

Deno.test("write: an empty array is not written", async () => {
  let calls = 0;
  const to = { write: () => Promise.resolve(++calls) };
  await writeAll(to, new Uint8Array(0));
  assertEquals(calls, 0);
});

Deno.test("write: an error after some of the bytes is passed on", async () => {
  let calls = 0;
  const to = {
    write: () =>
      ++calls === 1
        ? Promise.resolve(1)
        : Promise.reject(new Deno.errors.BrokenPipe("gone")),
  };
  await assertRejects(
    () => writeAll(to, new Uint8Array(3)),
    Deno.errors.BrokenPipe,
  );
  assertEquals(calls, 2);
});
