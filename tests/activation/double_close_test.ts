// Deno 2.9.5 and older close the descriptor of an adopted unix connection twice.

import { assert, assertEquals } from "@std/assert";
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

Deno.test({
  name: isFixed
    ? "the descriptor of a unix connection is closed once"
    : "the descriptor of a unix connection is closed twice, as documented",
  async fn() {
    using directory = new TempDir();
    const trace = directory.join("trace");
    await using program = await activate({
      module: "tests/activation/accept_program.ts",
      args: ["listen"],
      wrapper: [
        ...["strace", "-D", "-f", "-qq", "-e", "trace=close", "-o", trace],
      ],
    });
    for (let conns = 0; conns < 3; conns++) {
      using conn = await program.dial();
      assertEquals(await echoOf(conn, "hello"), "hello");
    }
    const open = `/proc/${program.pid}/fd`;
    await eventually(
      "the connections are closed",
      () => [...Deno.readDirSync(open)].map(({ name }) => name),
      (names) => names.length > 0 && names.length < 40,
    );
    const twice = () =>
      Deno.readTextFileSync(trace).split("\n")
        .filter((line) => line.includes("EBADF")).length;
    if (isFixed) {
      assertEquals(twice(), 0);
    } else {
      const seen = await eventually(
        "a second close",
        twice,
        (count) => count > 0,
      ).catch(() => 0);
      assert(
        seen > 0,
        `Deno ${Deno.version.deno} no longer closes twice: remove the limit from docs/limits.md and listen()`,
      );
    }
  },
});
