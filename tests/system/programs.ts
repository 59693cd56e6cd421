/** Programs that tests compile into a machine: `service.ts`, and those of `examples/`. */

import { page } from "../docs/pages.ts";
import { output, REPOSITORY } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import type { Machine } from "./machine.ts";

const SERVICE = "/usr/local/bin/ipc-test-service";
const NOTIFY = "/run/systemd/notify";
/** The socket of the journal. */
export const JOURNAL = "/run/systemd/journal/socket";

/** What the service may do: the rows of the library's permission table. */
const PERMISSIONS = [
  "--allow-env=NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID,LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES,JOURNAL_STREAM,CREDENTIALS_DIRECTORY",
  `--allow-net=unix:${NOTIFY},unix:${JOURNAL}`,
  `--allow-write=${NOTIFY},${JOURNAL}`,
  "--allow-read=/run/credentials",
  "--allow-sys=inspector",
];

/** Returns the unit of the test program with a behaviour. */
export function service(behaviour: string, ...lines: string[]): string {
  const start = `ExecStart=${SERVICE} ${behaviour}`;
  return `${["[Service]", start, ...lines].join("\n")}\n`;
}

/** Installs the test program. */
export function installService(machine: Machine): Promise<void> {
  const program = `${import.meta.dirname}/service.ts`;
  return machine.compile(program, SERVICE, PERMISSIONS);
}

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
  // It may have to fetch packages, by settings of the environment.
  const env = { ...Deno.env.toObject(), DENO: Deno.execPath(), NO_COLOR: "1" };
  const options = { cwd: REPOSITORY, env, within: 180_000 };
  await output("sh", ["-c", script], options);
  await machine.copy(directory.join(name!), `/usr/local/bin/${name}`);
}
