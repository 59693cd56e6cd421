import { assertEquals } from "@std/assert";
import { compile } from "../support/compile.ts";
import { soon } from "../support/eventually.ts";
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

/**
 * Compiles an example of node-servers with the command of its README, which is about
 * hono.
 */
export async function compileNodeServer(
  name: string,
  output: string,
): Promise<void> {
  const [command] = /^deno compile [^]*?hono\.ts$/m
    .exec(page("examples/node-servers/README.md"))!;
  const script = command.replace(/^deno/, "$DENO")
    .replace("--output=node-server-hono", `--output=${output}`)
    .replace("hono.ts", `${name}.ts`);
  const { code, stderr } = await soon(
    `${name} is compiled`,
    new Deno.Command("bash", {
      args: ["-c", script],
      cwd: REPOSITORY,
      env: { DENO: Deno.execPath(), NO_COLOR: "1" },
    }).output(),
    // It may have to fetch the packages.
    { within: 180_000 },
  );
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}
