import { EXIT } from "../cli/exit_status.ts";
import { type LineSink, writeLine } from "../cli/write_line.ts";
import type { ActivationEnv } from "../mod.ts";
import { checkActivation } from "./check_activation.ts";
import { checkManager } from "./check_manager.ts";
import { type Finding, note } from "./finding.ts";
import type { ServerOptions } from "./options.ts";

/**
 * Prints what the service manager passed and the errors in it, one finding on each line.
 * Accepts no connection and keeps the variables.
 *
 * @param env The activation and notify variables.
 * @param sink Receives the lines.
 * @returns `EXIT.ok` if the server would start, otherwise `EXIT.config`.
 */
export async function check(
  options: ServerOptions,
  { env, pid, sink }: { env: ActivationEnv; pid: number; sink: LineSink },
): Promise<number> {
  const findings = [
    ...await checkActivation(options, env, pid),
    ...await checkManager(env, pid),
    ...limits(options),
  ];
  for (const { verdict, text } of findings) {
    writeLine(sink, `${verdict}: ${text}`);
  }
  const isWrong = findings.some(({ verdict }) => verdict === "wrong");
  writeLine(
    sink,
    isWrong
      ? 'The server would not start: fix the lines marked "wrong:".'
      : "The server would start.",
  );
  return isWrong ? EXIT.config : EXIT.ok;
}

/** The settings of units that the server needs but cannot read. */
function limits(options: ServerOptions): Finding[] {
  const { maxConnections, maxWaiting, backlog } = options;
  return [
    note(
      `LimitNOFILE= of the service must be at least ${
        descriptorsNeeded(options)
      } for ${maxConnections} connections and ${maxWaiting} waiting; see "systemctl show --property=LimitNOFILE ipc-server.service"`,
    ),
    note(
      `Backlog= of the socket unit must be ${backlog}, the value of --backlog`,
    ),
  ];
}

/** The most connections that the runtime accepts before JavaScript runs. */
const ACCEPTED_AT_ONCE = 128;

/** Descriptors that are not connections: standard streams, the runtime's own. */
const RESERVE = 64;

/**
 * Returns the lowest `LimitNOFILE=` with which the server cannot run out of
 * descriptors: the inequality of docs/limits.md.
 */
export function descriptorsNeeded(
  { maxConnections, maxWaiting, backlog }: Pick<
    ServerOptions,
    "maxConnections" | "maxWaiting" | "backlog"
  >,
): number {
  const pending = Math.max(backlog, ACCEPTED_AT_ONCE);
  return maxConnections + maxWaiting + pending + RESERVE;
}
