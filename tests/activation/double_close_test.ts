// Deno 2.9.5 and older close the descriptor of an adopted unix connection twice.

import { assertEquals } from "@std/assert";
import { activate } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

const [major, minor, patch] = Deno.version.deno.match(/\d+/g)!.map(Number);
const isFixed = major! * 1e6 + minor! * 1e3 + patch! > 2_009_005;

const often = isFixed ? "once" : "twice, as documented";
Deno.test(`the descriptor of a unix connection is closed ${often}`, async () => {
  using directory = new TempDir();
  const trace = directory.join("trace");
  await using program = await activate({
    script: `for await (const conn of await listen(3)) {
      conn.readable.pipeTo(conn.writable);
    }`,
    wrapper: ["strace", "-Dfqq", "-e", "trace=close", "-o", trace],
  });
  for (let conns = 0; conns < 3; conns++) {
    using conn = await program.dial();
    assertEquals(await echoOf(conn, "hello"), "hello");
  }
  const isClosedTwice = () => Deno.readTextFileSync(trace).includes("EBADF");
  if (isFixed) {
    await eventually(
      "the connections are closed",
      () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length,
      (count) => count > 0 && count < 40,
    );
    assertEquals(isClosedTwice(), false);
  } else {
    await eventually(
      "a second close (if not: remove the limit from docs/limits.md and listen())",
      isClosedTwice,
      Boolean,
    );
  }
});
