import { EXIT } from "../cli/exit_status.ts";
import { type LineSink, writeLine } from "../cli/write_line.ts";
import type { ActivationEnv } from "../mod.ts";
import { checkActivation } from "./check_activation.ts";
import { checkManager } from "./check_manager.ts";
import { descriptorsNeeded } from "./descriptors_needed.ts";
import { type Finding, note } from "./finding.ts";
import type { ServerOptions } from "./options.ts";

/**
 * Tells an operator, line by line, what the service manager handed over and what
 * is wrong with it. Accepts nothing and removes nothing.
 *
 * @param env The activation and notify variables.
 * @param sink Where the lines go.
 * @returns The exit status: that of a server which would start, or would not.
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
  const mistakes = findings.some(({ verdict }) => verdict === "wrong");
  writeLine(
    sink,
    mistakes
      ? 'The server would not start, for what "wrong:" stands before.'
      : "The server would start.",
  );
  return mistakes ? EXIT.config : EXIT.ok;
}

/** What the units have to say, and the server cannot see. */
function limits(options: ServerOptions): Finding[] {
  const { maxConnections, maxWaiting, backlog } = options;
  return [
    note(
      `${maxConnections} connections are served at a time, and ${maxWaiting} more held: LimitNOFILE= of the service has to be ${
        descriptorsNeeded(options)
      } or more ("systemctl show --property=LimitNOFILE ipc-server.service" tells it)`,
    ),
    note(`Backlog= of the socket unit has to be ${backlog}, as --backlog is`),
  ];
}
