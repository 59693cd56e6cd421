/** Commands of a step, and where what they write goes. */

import { ACTIVATION_VARIABLES } from "../../activation/environment.ts";
import { JOURNAL_STREAM, NOTIFY_VARIABLES } from "../../daemon/environment.ts";
import { makeEnvironment } from "../support/program.ts";

/** What runs now, for {@linkcode stopAll}. */
const running = new Set<Deno.ChildProcess>();

/**
 * What one step writes: shown as it comes, or, where steps run side by side, kept
 * until the step has ended.
 */
export class Output {
  readonly #live: boolean;
  readonly #kept: Uint8Array[] = [];

  constructor(live: boolean) {
    this.#live = live;
  }

  /** Writes a line. */
  log(line: string): void {
    this.#write(new TextEncoder().encode(`${line}\n`));
  }

  /** Shows what was kept. */
  show(): void {
    for (const chunk of this.#kept.splice(0)) writeAll(chunk);
  }

  /**
   * Runs a command to its end, for at most `limit` seconds, and returns its exit
   * code.
   */
  async run(
    command: string[],
    limit: number,
    env: Record<string, string> = {},
  ): Promise<number> {
    // `timeout` gives the command a process group, and stops all that is in it.
    const process = new Deno.Command("sh", {
      args: [
        ...["-c", 'exec "$@" 2>&1', "sh"],
        ...["timeout", "--kill-after=10s", `${limit}s`, ...command],
      ],
      stdin: "null",
      stdout: this.#live ? "inherit" : "piped",
      clearEnv: true,
      env: { ...environment(), ...env },
    }).spawn();
    running.add(process);
    if (!this.#live) {
      for await (const chunk of process.stdout) this.#write(chunk);
    }
    const { code } = await process.status;
    running.delete(process);
    if (code === 124 || code === 137) {
      this.log(`stopped: it did not end within ${limit} seconds`);
    }
    return code;
  }

  #write(chunk: Uint8Array): void {
    if (this.#live) writeAll(chunk);
    else this.#kept.push(chunk);
  }
}

/** Stops every command that runs. */
export function stopAll(): void {
  for (const process of running) process.kill("SIGTERM");
}

function writeAll(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) {
    rest = rest.subarray(Deno.stdout.writeSync(rest));
  }
}

/** What systemd leaves in the environment is not for what the tests start. */
const NOT_INHERITED = [
  ...ACTIVATION_VARIABLES,
  ...NOTIFY_VARIABLES,
  JOURNAL_STREAM,
];

/** The environment of every step: ours, with the Deno that runs this. */
function environment(): Record<string, string> {
  const inherited = makeEnvironment();
  for (const name of NOT_INHERITED) delete inherited[name];
  return inherited;
}
