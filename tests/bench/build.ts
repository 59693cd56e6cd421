/** Builds the programs of the bench in a directory of its own. */

/** This folder. */
export const HERE = new URL("./", import.meta.url).pathname;

/** What to do where there is no C compiler. */
export const NO_COMPILER =
  "the load and the C server are C programs: apt-get install gcc libc6-dev";

/** Why the C server cannot be built, or undefined when it can. */
export async function missingForC(): Promise<string | undefined> {
  const header = await cc(
    ["-E", "-include", "systemd/sd-daemon.h", "-x", "c", "-o", "/dev/null"],
    "/dev/null",
  );
  return header === "" ? undefined : "apt-get install libsystemd-dev";
}

/** Whether there is a compiler that makes programs. */
export async function hasCompiler(): Promise<boolean> {
  try {
    return await cc(
      ["-E", "-include", "stdio.h", "-x", "c", "-o", "/dev/null"],
      "/dev/null",
    ) === "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
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
  const said = await cc(
    ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", executable],
    `${HERE}${source}`,
    libraries,
  );
  if (said !== "") throw new Error(`Cannot compile ${source}: ${said}`);
  return executable;
}

/** Returns the compiler's warnings. */
async function cc(
  options: string[],
  source: string,
  libraries: string[] = [],
): Promise<string> {
  const { code, stderr } = await new Deno.Command("cc", {
    args: [...options, source, ...libraries],
  }).output();
  return code === 0 ? "" : new TextDecoder().decode(stderr) || `exit ${code}`;
}

/** How a Deno program is compiled. */
export interface DenoCompileOptions {
  /** Permissions, and other options of `deno compile`. */
  flags: string[];
  /** Bundle it first, as the Makefile does. */
  bundle?: boolean;
  /** The name of the executable. */
  name?: string;
}

/**
 * Compiles a Deno program of this folder.
 *
 * @returns Where the executable is.
 */
export async function compileDeno(
  source: string,
  into: string,
  { flags, bundle = false, name = nameOf(source) }: DenoCompileOptions,
): Promise<string> {
  const executable = `${into}/${name}`;
  let program = `${HERE}${source}`;
  if (bundle) {
    program = `${executable}.js`;
    await deno("bundle", "--minify", "-o", program, `${HERE}${source}`);
  }
  await deno("compile", "--no-prompt", ...flags, "-o", executable, program);
  return executable;
}

async function deno(verb: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [verb, "--quiet", "--frozen", ...args],
  }).output();
  if (success) return;
  const said = new TextDecoder().decode(stderr);
  throw new Error(`Cannot ${verb} ${args.at(-1)}: ${said}`);
}

function nameOf(source: string): string {
  return source.split("/").at(-1)!.replace(/\.\w+$/, "");
}
