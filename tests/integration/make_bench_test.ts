// make bench measures. Its figures are not checked.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeEnvironment, REPOSITORY, run } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";

const TITLES = [
  "activation: connect to first echoed byte, ms",
  "round trips, 64 B, 64 connections, /s",
  "throughput, 64 KiB, 1 connection, MB/s",
  "RSS for each of 100 connections, KB",
  "empty",
];

Deno.test("make bench measures everything, and keeps only its report", async () => {
  using directory = new TempDir();
  const report = directory.join("bench.md");
  const { code, stdout, stderr } = await run("make", [
    ...["-C", REPOSITORY, "bench", "CONTENDERS=ours,c,empty"],
    ...["ROUNDS=1", "SECONDS_EACH=0.05", "HELD=100"],
    `REPORT=${report}`,
  ], { env: { ...makeEnvironment(), TMPDIR: directory.path } });
  assertEquals(code, 0, stdout + stderr);
  const text = await Deno.readTextFile(report);
  assertStringIncludes(stdout, text);
  for (const title of TITLES) {
    const [, ours] = new RegExp(`^\\| ${title} +\\| +([\\d,.]+) `, "m")
      .exec(text) ?? [];
    assert(Number(ours?.replaceAll(",", "")) >= 0, `no ${title}: ${text}`);
  }
  assertEquals([...Deno.readDirSync(directory.path)].length, 1);
});
