/** Executables of test programs, made the way the Makefile makes the real ones. */

const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Compiles a program.
 *
 * @param source Its main module.
 * @param flags What `deno compile` is given: permissions, V8 flags.
 * @throws {Error} It does not compile; the message is the compiler's.
 */
export async function compile(
  source: string,
  executable: string,
  flags: string[],
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "--quiet", "--no-check", "--no-prompt", "--no-code-cache"],
      ...[`--config=${ROOT}deno.json`, "--frozen", ...flags],
      ...[`--output=${executable}`, source],
    ],
  }).output();
  if (!success) {
    throw new Error(
      `Cannot compile ${source}: ${new TextDecoder().decode(stderr)}`,
    );
  }
}
