/** Builds the programs of the bench in a directory of its own. */

/** This folder. */
export const HERE = new URL("./", import.meta.url).pathname;

/**
 * Runs a program to its end, and returns its output.
 *
 * @throws {Error} It failed; the message has its errors.
 */
export async function output(
  [command, ...args]: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command!, {
    ...options,
    args,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (success) return text(stdout);
  throw new Error(`Failed: ${[command, ...args].join(" ")}\n${text(stderr)}`);
}

/**
 * Compiles a C program of this folder.
 *
 * @returns Where the executable is.
 */
export async function compileC(
  source: string,
  into: string,
  libraries: string[] = [],
): Promise<string> {
  const executable = `${into}/${nameOf(source)}`;
  try {
    await output([
      ...["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"],
      ...["-o", executable, `${HERE}${source}`, ...libraries],
    ]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      "the load and the C server are C programs: apt-get install gcc libc6-dev",
    );
  }
  return executable;
}

/**
 * Compiles a Deno program of this folder.
 *
 * @param flags Permissions, and other options of `deno compile`.
 * @param options.bundle Bundle it first, as the Makefile does.
 * @returns Where the executable is.
 */
export async function compileDeno(
  source: string,
  into: string,
  flags: string[],
  { bundle = true } = {},
): Promise<string> {
  const executable = `${into}/${nameOf(source)}`;
  const deno = (verb: string, ...args: string[]) =>
    output([Deno.execPath(), verb, "--quiet", "--frozen", ...args]);
  let program = `${HERE}${source}`;
  if (bundle) {
    await deno("bundle", "--minify", "-o", `${executable}.js`, program);
    program = `${executable}.js`;
  }
  await deno("compile", "--no-prompt", ...flags, "-o", executable, program);
  return executable;
}

function nameOf(source: string): string {
  return source.split("/").at(-1)!.replace(/\.\w+$/, "");
}
