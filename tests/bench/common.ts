/** What both parts of `make bench` share: settings, programs and the kernel's figures. */

/** This folder. */
export const HERE = new URL("./", import.meta.url).pathname;

/** The variables that `make help` describes. */
export const ROUNDS = number("ROUNDS", 5);
export const SECONDS_EACH = number("SECONDS_EACH", 1);
export const HELD = number("HELD", 4000);
const REPORT = Deno.env.get("REPORT") || "build/bench.md";

function number(name: string, otherwise: number): number {
  const value = Deno.env.get(name) || otherwise;
  if (Number(value) > 0) return Number(value);
  console.error(`bench: ${name} is "${value}", not a number above 0`);
  Deno.exit(64);
}

/**
 * Measures round by round, prints the report and writes it to a file, and exits.
 *
 * @param prepare Gets a scratch directory: on a disk, because executables are large,
 * and with a short path, because sockets need it.
 */
export async function runBench(
  name: string,
  prepare: (scratch: string) => Promise<(round: number) => Promise<void>>,
  report: () => string,
  options?: Deno.WriteFileOptions,
): Promise<never> {
  const dir = Deno.env.get("TMPDIR") || "/var/tmp";
  const scratch = Deno.makeTempDirSync({ dir, prefix: "ipc-bench-" });
  const exit = (code: number) => {
    Deno.removeSync(scratch, { recursive: true });
    Deno.exit(code);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => exit(130));
  }
  try {
    const measure = await prepare(scratch);
    for (let round = 0; round < ROUNDS; round++) {
      await measure(round);
      console.log(`${name}, round ${round + 1} of ${ROUNDS}`);
    }
    const text = report();
    Deno.writeTextFileSync(REPORT, text, options);
    console.log(`\n${text}\nwritten to ${REPORT}`);
    return exit(0);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    return exit(1);
  }
}

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

/** Compiles a C program of this folder, and returns its executable. */
export async function compileC(
  name: string,
  into: string,
  ...libraries: string[]
): Promise<string> {
  const executable = `${into}/${name.split("/").at(-1)}`;
  await output([
    ...["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"],
    ...["-o", executable, `${HERE}${name}.c`, ...libraries],
  ]);
  return executable;
}

/** Returns a number of `/proc/PID/status`. */
export function status(pid: number, field: string): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(text)![1]);
}

/** How much of its memory is in RAM, in MB. */
export function residentMb(pid: number): number {
  return status(pid, "VmRSS") * 1024 / 1e6;
}

/** The processor time of the threads that it has now, in milliseconds. */
export function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = Array.from(
    Deno.readDirSync(tasks),
    ({ name }) =>
      Number.parseInt(Deno.readTextFileSync(`${tasks}/${name}/schedstat`)),
  );
  return times.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** Adds up a figure of several processes. */
export function sum(
  pids: readonly number[],
  of: (pid: number) => number,
): number {
  return pids.reduce((all, pid) => all + of(pid), 0);
}

/** Waits briefly until all of these processes are idle. */
export async function settled(pids: readonly number[]): Promise<void> {
  for (let before = -Infinity, looks = 0; looks < 100; looks++) {
    const now = sum(pids, cpuMs);
    if (now - before < 0.5) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
