import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { connReadable, connWritable } from "../../activation/_streams.ts";

const reset = new Deno.errors.ConnectionReset("gone");
const fail = () => Promise.reject(reset);
const closeWrite = () => Promise.resolve();

const STREAMS: Record<string, (onDone: () => void) => Promise<unknown>> = {
  "readable": (onDone) =>
    connReadable({ read: fail }, onDone).getReader().read(),
  "writable": (onDone) =>
    connWritable({ write: fail, closeWrite }, onDone).getWriter()
      .write(new Uint8Array(1)),
};
for (const [what, use] of Object.entries(STREAMS)) {
  Deno.test(`a ${what} fails with the error of its connection, and is done`, async () => {
    let done = 0;
    assertStrictEquals(await assertRejects(() => use(() => done += 1)), reset);
    assertEquals(done, 1);
  });
}

Deno.test("a readable reads only when pulled", async () => {
  let reads = 0;
  const read = (into: Uint8Array) => {
    into[0] = 7;
    return Promise.resolve(++reads);
  };
  const stream = connReadable({ read }, () => {});
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(reads, 0);
  const { value } = await stream.getReader().read();
  assertEquals([...value!], [7]);
});
