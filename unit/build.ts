import { basename, dirname, resolve } from "node:path";

/**
 * Bundles a program and compiles it. Without the bundle, the executable would load
 * imports by absolute path from the disk, at each start. The bundle is made beside the
 * program, where the same deno.json applies and relative paths are the same.
 *
 * @throws {Error} Deno refuses; the message is Deno's.
 */
export async function build(
  program: string,
  output: string,
  args: readonly string[],
): Promise<void> {
  const bundle = resolve(dirname(program), `.${basename(output)}.bundle.js`);
  const flags = ["--no-check", "--no-prompt", "--no-code-cache"];
  try {
    await deno("bundle", "--output", bundle, program);
    // The same sources make the same bytes.
    await Deno.utime(bundle, 0, 0);
    await deno("compile", ...flags, ...args, "--output", output, bundle);
  } finally {
    await Deno.remove(bundle).catch(() => {});
  }
}

async function deno(command: string, ...args: string[]): Promise<void> {
  const all = [command, "--quiet", ...args];
  const { success, text } = await run(Deno.execPath(), ...all);
  if (!success) throw new Error(`deno ${command}: ${text.trim()}`);
}

/** Returns the files that ldd(1) lists for an executable or a library. */
export async function libraries(path: string): Promise<string[]> {
  const { text } = await run("ldd", path);
  return Array.from(text.matchAll(/(\/\S+) \(0x/g), ([, file]) => file!);
}

/** Runs a command, with the text of both of its outputs. */
async function run(
  command: string,
  ...args: string[]
): Promise<{ success: boolean; text: string }> {
  const env = {
    ...{ LC_ALL: "C.UTF-8", NO_COLOR: "1", SYSTEMD_PAGER: "cat" },
    RUST_BACKTRACE: "0",
  };
  try {
    const process = new Deno.Command(command, { args, env, stdin: "null" });
    const { success, stdout, stderr } = await process.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { success, text: decode(stdout) + decode(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { success: false, text: "" };
  }
}

/**
 * Verifies units with systemd-analyze(1), as copies that start the built executable,
 * which may not be installed yet.
 *
 * @returns The exposure level; undefined if this systemd cannot rate it.
 * @throws {Error} systemd finds a fault in the units.
 */
export async function verify(
  files: Readonly<Record<string, string>>,
  installed: string,
  built: string,
): Promise<string | undefined> {
  const folder = await Deno.makeTempDir({ prefix: "ipc-unit-" });
  try {
    const paths: string[] = [];
    for (const [name, text] of Object.entries(files)) {
      // A template is verified as an instance.
      paths.push(`${folder}/${name.replace("@.", "@1.")}`);
      const copy = text.replace(`=${installed}\n`, `=${built}\n`);
      await Deno.writeTextFile(paths.at(-1)!, copy);
    }
    const { text } = await run("systemd-analyze", "verify", ...paths);
    if (text !== "") throw new Error(`systemd-analyze verify: ${text.trim()}`);
    const rate = ["security", "--offline=true", paths.at(-1)!];
    const report = await run("systemd-analyze", ...rate);
    return /exposure level for \S+: ([\d.]+)/.exec(report.text)?.[1];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
