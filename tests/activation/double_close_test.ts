// Deno 2.9.5 and older close the descriptor of an adopted unix connection twice.

import { assertEquals } from "@std/assert";
import { activate } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { echoOf } from "../support/peer.ts";
import { TempDir } from "../support/temp_dir.ts";

/** The first release that closes it once. */
const FIXED = [2, 9, 6];

const isFixed = (() => {
  const version = Deno.version.deno.split(".").map((part) => parseInt(part));
  const at = version.findIndex((part, i) => part !== FIXED[i]);
  return at === -1 || version[at]! > FIXED[at]!;
})();

const often = isFixed ? "once" : "twice, as documented";
Deno.test(`the descriptor of a unix connection is closed ${often}`, async () => {
  using directory = new TempDir();
  const trace = directory.join("trace");
  await using program = await activate({
    script: `for await (const conn of await listen(3)) {
      conn.readable.pipeTo(conn.writable);
    }`,
    wrapper: [
      ...["strace", "-D", "-f", "-qq", "-e", "trace=close", "-o", trace],
    ],
  });
  for (let conns = 0; conns < 3; conns++) {
    using conn = await program.dial();
    assertEquals(await echoOf(conn, "hello"), "hello");
  }
  const isClosedTwice = () => Deno.readTextFileSync(trace).includes("EBADF");
  if (!isFixed) {
    await eventually(
      "a second close (if not: remove the limit from docs/limits.md and listen())",
      isClosedTwice,
      Boolean,
    );
    return;
  }
  await eventually(
    "the connections are closed",
    () => [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length,
    (count) => count > 0 && count < 40,
  );
  assertEquals(isClosedTwice(), false);
});
