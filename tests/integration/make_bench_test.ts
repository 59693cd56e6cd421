// make bench measures, and reports missing contenders. Its figures are not checked.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { compileC, NO_COMPILER } from "../bench/build.ts";
import { median, perRound } from "../bench/samples.ts";
import { makeEnvironment, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

/** The rows of the tables, by title. */
function rows(markdown: string): Map<string, string[]> {
  const lines = markdown.split("\n").filter((line) => line.startsWith("| "));
  return new Map(lines.map((line) => {
    const [title, ...cells] = line.slice(2, -2).split("|").map((cell) =>
      cell.trim()
    );
    return [title!, cells];
  }));
}

Deno.test({
  name: "make bench measures everything, and keeps only its report",
  async fn() {
    using directory = new TempDir();
    const report = directory.join("bench.md");
    const { code, stdout, stderr } = await run("make", [
      ...["-C", REPOSITORY, "bench", "CONTENDERS=ours,c,empty"],
      ...["ROUNDS=1", "SECONDS_EACH=0.05", "STARTS=1", "HELD=100"],
      `REPORT=${report}`,
    ], { env: { ...makeEnvironment(), TMPDIR: directory.path } });
    assertEquals(code, 0, stdout + stderr);
    const text = await Deno.readTextFile(report);
    assertStringIncludes(stdout, text);
    const measured = rows(text);
    for (
      const title of [
        "activation: connect to first echoed byte, ms",
        "round trips, 64 B, 64 connections, /s",
        "throughput, 64 KiB, 1 connection, MB/s",
        "RSS for each of 100 connections, KB",
        "empty",
      ]
    ) {
      const [ours] = measured.get(title) ?? [];
      assert(Number(ours?.replaceAll(",", "")) >= 0, `${title}: ${ours}`);
    }
    assertEquals(
      [...Deno.readDirSync(directory.path)].map(({ name }) => name),
      [
        "bench.md",
      ],
    );
  },
});

Deno.test("make bench names the package that has a C compiler", async () => {
  const { code, stderr } = await run(Deno.execPath(), [
    ...["run", "--allow-all", "--no-check", "--quiet"],
    `${REPOSITORY}tests/bench/bench.ts`,
  ], { env: { ...makeEnvironment(), PATH: "/nowhere", V8_FLAGS: "" } });
  assertEquals(code, 1);
  assertEquals(stderr, `bench: ${NO_COMPILER}\n`);
});

Deno.test({
  name: "the load of make bench detects wrong bytes",
  async fn() {
    using directory = new TempDir();
    const load = await compileC("load.c", directory.path);
    const path = directory.join("socket");
    using listener = Deno.listen({ transport: "unix", path });
    const serving = (async () => {
      using conn = await listener.accept();
      const bytes = new Uint8Array(64);
      await conn.read(bytes);
      await conn.write(bytes.reverse());
      await conn.read(bytes).catch(() => {});
    })();
    const { code, stderr } = await run(load, [path, "1", "64", "1", "1"]);
    await serving;
    assertEquals(code, 1);
    assertEquals(stderr, "load: other bytes came back than were sent\n");
  },
});

Deno.test("the bench takes medians, and compares round by round", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2.5);
  assertEquals(median([]), NaN);
  assertEquals(perRound([10, 20], [5, 2], (a, b) => a / b), [2, 10]);
  assertEquals(perRound([], [5, 2], (a, b) => a / b), []);
});
