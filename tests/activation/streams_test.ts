import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { connReadable, connWritable } from "../../activation/_streams.ts";

const reset = new Deno.errors.ConnectionReset("gone");

Deno.test("a readable fails with the error of its connection, and is done", async () => {
  let done = 0;
  const stream = connReadable({ read: () => Promise.reject(reset) }, () => {
    done += 1;
  });
  const error = await assertRejects(() => stream.getReader().read());
  assertStrictEquals(error, reset);
  assertEquals(done, 1);
});

Deno.test("a readable reads only when pulled", async () => {
  let reads = 0;
  const stream = connReadable({
    read(into) {
      reads += 1;
      into[0] = 7;
      return Promise.resolve(1);
    },
  }, () => {});
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(reads, 0);
  const { value } = await stream.getReader().read();
  assertEquals([...value!], [7]);
});

Deno.test("a writable fails with the error of its connection, and is done", async () => {
  let done = 0;
  const stream = connWritable({
    write: () => Promise.reject(reset),
    closeWrite: () => Promise.resolve(),
  }, () => {
    done += 1;
  });
  const error = await assertRejects(() =>
    stream.getWriter().write(new Uint8Array(1))
  );
  assertStrictEquals(error, reset);
  assertEquals(done, 1);
});
