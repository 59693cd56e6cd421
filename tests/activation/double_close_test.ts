// Deno 2.9.5 and older close the descriptor of an adopted unix connection twice.

import { assertEquals } from "@std/assert";
import { activate } from "../support/activate.ts";
import { echoOf } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const [major, minor, patch] = Deno.version.deno.match(/\d+/g)!.map(Number);
const isFixed = major! * 1e6 + minor! * 1e3 + patch! > 2_009_005;

const often = isFixed ? "once" : "twice, as documented";
Deno.test(`the descriptor of a unix connection is closed ${often}`, async () => {
  using directory = new TempDir();
  const trace = directory.join("trace");
  await using program = await activate({
    script: `using listener = await listen(3);
      for (let conns = 0; conns < 3; conns++) {
        const conn = await listener.accept();
        await conn.readable.pipeTo(conn.writable);
      }`,
    wrapper: ["strace", "-Dfqq", "-e", "trace=close", "-o", trace],
  });
  for (let conns = 0; conns < 3; conns++) {
    using conn = await program.dial();
    assertEquals(await echoOf(conn, "hello"), "hello");
  }
  await program.end();
  const isClosedTwice = Deno.readTextFileSync(trace).includes("EBADF");
  const advice = "remove the limit from docs/limits.md and listen()";
  assertEquals(isClosedTwice, !isFixed, advice);
});
