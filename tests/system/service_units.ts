/** Units of `service.ts`. */

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
