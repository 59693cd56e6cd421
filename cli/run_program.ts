import config from "../deno.json" with { type: "json" };

/** A program: its name and its main function. */
export interface Program {
  /** The name for messages. */
  name: string;
  /** Runs the program and returns its exit status. */
  run(args: readonly string[]): Promise<number>;
}

/**
 * Runs a program and exits with its status. Reports every error as one line on stderr,
 * without a stack trace.
 */
export async function runProgram(program: Program): Promise<never> {
  const { name } = program;
  const end = async (error: unknown) => {
    // Loaded only on failure.
    const { fail } = await import("./fail.ts");
    return Deno.exit(fail(name, error));
  };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    end(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    end(event.error);
  });
  try {
    Deno.exit(await program.run(Deno.args));
  } catch (error) {
    return await end(error);
  }
}

/** Returns the output of `--version`. */
export function versionLine(name: string): string {
  return `${name} ${config.version} (Deno ${Deno.version.deno})`;
}
