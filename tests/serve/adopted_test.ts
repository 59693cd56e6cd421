import { assertEquals } from "@std/assert";
import { TempDir } from "../support/temp_dir.ts";
import { activate, dial, freePorts } from "../support/activate.ts";
import type { Result } from "./adopted_suite.ts";
import { CASES } from "./http_suite.ts";

const NAMES = ["trigger", ...CASES.keys().map((i) => `case-${i}`)];

Deno.test("serve, adopted unix path", async (t) => {
  using directory = new TempDir();
  await runAdopted(t, NAMES.map((name) => directory.join(name)));
});

Deno.test("serve, adopted TCP", async (t) => {
  const ports = freePorts("127.0.0.1", NAMES.length);
  await runAdopted(t, ports.map((port) => `127.0.0.1:${port}`));
});

async function runAdopted(
  t: Deno.TestContext,
  [trigger, ...addresses]: string[],
): Promise<void> {
  await using program = await activate({
    addresses: [trigger!, ...addresses],
    names: NAMES,
    module: "tests/serve/adopted_suite.ts",
    allow: ["--allow-all"],
    args: addresses,
  });
  using _trigger = await dial(trigger!);
  await program.exitCode({ within: 60_000 });
  const results = program.stdout.seen.map((line) => JSON.parse(line) as Result);
  for (const { name, error } of results) {
    await t.step(name, () => assertEquals(error, undefined, error));
  }
  const said = program.stderr.seen.join("\n");
  assertEquals(results.length, CASES.length, `not all cases ran: ${said}`);
}
