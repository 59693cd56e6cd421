import config from "../deno.json" with { type: "json" };

/** What a program is called, and what it does with its arguments. */
export interface Program {
  /** Its name, as messages show it. */
  name: string;
  /** Runs it and returns its exit status. */
  run(args: readonly string[]): Promise<number>;
}

/**
 * Runs a program and exits with its status. Whatever goes wrong is told on one
 * line of stderr: an operator never meets a stack trace.
 */
export async function runProgram(program: Program): Promise<never> {
  const { name } = program;
  const fail = async (error: unknown) => {
    // A program that succeeds needs no logger.
    const { report } = await import("./report.ts");
    return Deno.exit(report(name, error));
  };
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error);
  });
  try {
    Deno.exit(await program.run(Deno.args));
  } catch (error) {
    return await fail(error);
  }
}

/** Returns what `--version` prints. */
export function versionLine(name: string): string {
  return `${name} ${config.version} (Deno ${Deno.version.deno})`;
}
