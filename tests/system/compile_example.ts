import { assertEquals } from "@std/assert";
import { compile } from "../support/compile.ts";
import { page } from "../docs/pages.ts";
import { REPOSITORY } from "./machine.ts";

/** Compiles an example with the permissions and V8 flags that its README has. */
export async function compileExample(
  name: string,
  executable: string,
): Promise<void> {
  const readme = page(`examples/${name}/README.md`);
  const [, options = ""] = /^deno compile (.*?)--output/ms.exec(readme) ?? [];
  const flags = options.match(/--(allow-|v8-flags|unstable-net)\S*/g) ?? [];
  assertEquals(flags.length, 5, `the command in README: ${options}`);
  await compile(`${REPOSITORY}/examples/${name}/main.ts`, executable, flags);
}
