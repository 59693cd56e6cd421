/** Units of `service.ts`. */

import { compile } from "../support/compile.ts";
import { TempDir } from "../support/temp_dir.ts";
import type { Tree } from "./machine.ts";

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
  return ["[Service]", `ExecStart=${SERVICE} ${behaviour}`, ...lines, ""].join(
    "\n",
  );
}

/** Returns the unit of a socket of that name. */
export function socket(name: string, ...lines: string[]): string {
  return ["[Socket]", `ListenStream=/run/${name}.socket`, ...lines, ""]
    .join("\n");
}

/** Installs the test program and its units. */
export async function installServices(
  tree: Tree,
  units: Record<string, string>,
): Promise<void> {
  using directory = new TempDir();
  const executable = directory.join("service");
  await compile(`${import.meta.dirname}/service.ts`, executable, PERMISSIONS);
  await tree.run("install", "-D", executable, `${tree.root}${SERVICE}`);
  for (const [name, text] of Object.entries(units)) {
    await Deno.writeTextFile(directory.join(name), text);
    await tree.run(
      ...["install", "-D", "--mode=644", directory.join(name)] as const,
      `${tree.root}/etc/systemd/system/${name}`,
    );
  }
}
