/** Programs that tests compile into a machine: `service.ts`, and those of `examples/`. */

import { page } from "../docs/pages.ts";
import { soon } from "../support/eventually.ts";
import { REPOSITORY } from "../support/program.ts";
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
  const { success, stderr } = await soon(
    `${name} is compiled`,
    new Deno.Command("sh", {
      ...{ args: ["-c", script], cwd: REPOSITORY },
      env: { DENO: Deno.execPath(), NO_COLOR: "1" },
    }).output(),
    // It may have to fetch packages.
    { within: 180_000 },
  );
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await machine.copy(directory.join(name!), `/usr/local/bin/${name}`);
}
