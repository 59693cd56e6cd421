import { EXIT } from "../cli/exit_status.ts";
import { type LineSink, writeLine } from "../cli/write_line.ts";
import type { ActivationEnv } from "../mod.ts";
import { checkActivation } from "./check_activation.ts";
import { checkManager } from "./check_manager.ts";
import {
  connectionsHeld,
  freeDescriptors,
  moreDescriptors,
} from "./descriptors.ts";
import { type Finding, note, ok } from "./finding.ts";
import type { IpcServerOptions } from "./options.ts";

/**
 * Prints what the service manager passed and the errors in it, one finding on each line.
 * Accepts no connection and keeps the variables.
 *
 * @param env The activation and notify variables.
 * @param sink Receives the lines.
 * @returns `EXIT.ok` if the server would start, otherwise `EXIT.config`.
 */
export async function check(
  options: IpcServerOptions,
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

/** Returns findings about the settings of units that limit the server. */
function limits(options: IpcServerOptions): Finding[] {
  const { maxConnections, maxWaiting, backlog } = options;
  const held = connectionsHeld(options);
  const free = freeDescriptors(held);
  return [
    free < held
      ? note(
        `LimitNOFILE= is too low: the server can open ${free} files, and cannot accept or report its status without a free one; ${
          moreDescriptors(options)
        }`,
      )
      : ok(
        `LimitNOFILE= suffices for ${maxConnections} connections and ${maxWaiting} waiting`,
      ),
    note(
      `Backlog= of the socket unit must be ${backlog}, the value of --backlog`,
    ),
  ];
}
