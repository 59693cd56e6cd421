import { page } from "../docs/pages.ts";
import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import type { Machine } from "./machine.ts";

/**
 * Compiles a program of `examples/` into a machine, with the command of the folder's
 * README, and another module of the folder if one is given.
 */
export async function compileExample(
  machine: Machine,
  folder: string,
  module?: string,
): Promise<void> {
  using directory = new TempDir();
  let [command] = /^deno compile [^]*?\w+\.ts$/m
    .exec(page(`examples/${folder}/README.md`))!;
  if (module !== undefined) {
    command = command.replaceAll("hono", module);
  }
  const [, name] = /--output=(\S+)/.exec(command)!;
  const script = command.replace("deno compile", '"$DENO" compile --no-check')
    .replace("--output=", `--output=${directory.path}/`);
  const { success, stderr } = await soon(
    `${name} is compiled`,
    new Deno.Command("sh", {
      ...{ args: ["-c", script], cwd: REPOSITORY },
      env: { DENO: Deno.execPath(), NO_COLOR: "1" },
    }).output(),
    // It may have to fetch packages.
    { within: 180_000 },
  );
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await machine.copy(directory.join(name!), `/usr/local/bin/${name}`);
}
