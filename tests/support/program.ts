/**
 * Programs under test: started, read line by line, and killed at the end of the test.
 */

import { assertEquals } from "@std/assert";
import { eventually, soon } from "./eventually.ts";

/** The checkout whose programs are under test. */
export const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** The executables that `make` builds. */
export const IPC_SERVER = `${REPOSITORY}bin/ipc-server`;
export const IPC_CLIENT = `${REPOSITORY}bin/ipc-client`;

/** Programs under test get nothing else of the environment of the tests. */
export const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** The environment for make: ours with this Deno, and without another make's variables. */
export const makeEnvironment = (): Record<string, string> => ({
  ...Deno.env.toObject(),
  ...{ MAKEFLAGS: "", MFLAGS: "", MAKELEVEL: "0", MAKEOVERRIDES: "" },
  DENO: Deno.execPath(),
});

export interface ProgramOptions {
  /** Variables that it has besides a plain PATH. */
  env?: Record<string, string>;
  /** Where it runs; by default where the tests do. */
  cwd?: string;
}

/** Options of a program that is run to its end. */
export interface RunOptions extends ProgramOptions {
  /** Its standard input; empty by default. */
  stdin?: string;
  /** The time limit, in milliseconds; 120 s by default, as a type check may take. */
  within?: number;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, with any exit code. */
export async function run(
  command: string,
  args: readonly string[] = [],
  { stdin = "", within = 120_000, ...options }: RunOptions = {},
): Promise<Finished> {
  const process = spawn(command, args, options);
  // It may exit before it has read everything; its output then shows why.
  const feeding = new Blob([stdin]).stream().pipeTo(process.stdin)
    .catch(() => {});
  try {
    const { code, stdout, stderr } = await soon(
      `"${[command, ...args].join(" ")}" has ended`,
      process.output(),
      { within },
    );
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    kill(process);
    await feeding;
  }
}

/** Returns the stdout of a program; an exit code other than 0 is an error. */
export function stdoutOf(
  command: readonly string[],
  { code, stdout, stderr }: Finished,
): string {
  if (code === 0) return stdout;
  throw new Error(
    `"${command.join(" ")}" ended with code ${code}\n${stdout}${stderr}`,
  );
}

/** As {@linkcode run}, but an exit code other than 0 is an error. Returns the stdout. */
export async function output(
  command: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<string> {
  return stdoutOf([command, ...args], await run(command, args, options));
}

/** The output of a running program, as lines. */
export class Lines {
  /** The lines that were completed so far. */
  readonly seen: string[] = [];
  /** Settles at the end of the output. */
  readonly ended: Promise<void>;
  readonly #what: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(what: string, stream: ReadableStream<Uint8Array>) {
    this.#what = what;
    this.#reader = stream.getReader();
    this.ended = this.#collect();
  }

  /** Waits for a line, which may have arrived already, and returns it. */
  async line(wanted: string | RegExp): Promise<string> {
    const matches = (line: string) =>
      typeof wanted === "string" ? line === wanted : wanted.test(line);
    const lines = await eventually(
      `${this.#what} has the line ${Deno.inspect(wanted)}`,
      () => this.seen,
      (seen) => seen.some(matches),
    );
    return lines.find(matches)!;
  }

  /** Waits until there are N lines, and returns all lines so far. */
  async atLeast(count: number): Promise<string[]> {
    return await eventually(
      `${this.#what} has ${count} lines`,
      () => this.seen,
      (seen) => seen.length >= count,
      { within: 60_000 },
    );
  }

  /** Closes the output: the program gets SIGPIPE or EPIPE. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    let open = "";
    for (let result; !(result = await this.#reader.read()).done;) {
      open += decoder.decode(result.value, { stream: true });
      const lines = open.split("\n");
      open = lines.pop()!;
      this.seen.push(...lines);
    }
    if (open !== "") this.seen.push(open);
  }
}

/** A program that runs until it exits or is disposed of. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly #process: Deno.ChildProcess;
  readonly #name: string;
  #ended = false;

  constructor(
    command: string,
    args: readonly string[] = [],
    options: ProgramOptions = {},
  ) {
    this.#name = command.split("/").at(-1)!;
    this.#process = spawn(command, args, options);
    const { pid, stdin, stdout, stderr, status } = this.#process;
    this.pid = pid;
    this.stdin = stdin.getWriter();
    this.stdout = new Lines(`the stdout of ${this.#name}`, stdout);
    this.stderr = new Lines(`the stderr of ${this.#name}`, stderr);
    status.then(() => this.#ended = true);
  }

  get running(): boolean {
    return !this.#ended;
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits for its end and returns its exit code; its output is complete by then. */
  async exitCode({ within = 10_000 } = {}): Promise<number> {
    const [{ code }] = await soon(
      `${this.#name} has ended`,
      Promise.all([this.#process.status, this.stdout.ended, this.stderr.ended]),
      { within },
    );
    return code;
  }

  /** Waits for its end, and asserts its exit code. */
  async exits(code: number, { within = 10_000 } = {}): Promise<void> {
    assertEquals(
      await this.exitCode({ within }),
      code,
      `stderr of ${this.#name}:\n${this.stderr.seen.join("\n")}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#process);
    await this.#process.status;
    await this.stdin.abort().catch(() => {});
    await Promise.all([this.stdout.close(), this.stderr.close()]);
  }
}

/** Kills a process, whose end this process may not have noticed yet. */
function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

function spawn(
  command: string,
  args: readonly string[],
  { env = {}, cwd }: ProgramOptions,
): Deno.ChildProcess {
  return new Deno.Command(command, {
    args: [...args],
    clearEnv: true,
    env: { ...ENVIRONMENT, ...env },
    cwd,
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
  }).spawn();
}
