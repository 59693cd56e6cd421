import {
  type ActivationEnv,
  ActivationError,
  type ListenFd,
  listenFds,
} from "../mod.ts";
import { chooseSocket, PASS_A_SOCKET } from "./choose_socket.ts";
import { type Finding, ok, wrong } from "./finding.ts";
import type { ServerOptions } from "./options.ts";
import { probeSocket } from "./probe_socket.ts";

/** The most descriptors to check: one is expected, and a forged count may be huge. */
const CHECKED_MAX = 8;

/** Returns findings about the passed descriptors. */
export async function checkActivation(
  options: Pick<ServerOptions, "name" | "backlog">,
  env: ActivationEnv,
  pid: number,
): Promise<Finding[]> {
  let passed: ListenFd[];
  try {
    passed = listenFds({ env, pid, unsetEnv: false });
  } catch (error) {
    return [finding(error)];
  }
  const listenPid = env.get("LISTEN_PID");
  if (listenPid === undefined) {
    return [
      wrong(`LISTEN_PID is not set: no socket was passed; ${PASS_A_SOCKET}`),
    ];
  }
  if (listenPid !== String(pid)) {
    return [wrong(
      `LISTEN_PID=${listenPid} is another process, this is ${pid}; start ipc-server in the same process ("exec ipc-server" in a script)`,
    )];
  }
  const isOurs = ok(`LISTEN_PID=${listenPid} is this process`);
  if (passed.length === 0) {
    const count = env.get("LISTEN_FDS");
    return [
      isOurs,
      wrong(
        count === undefined
          ? `LISTEN_FDS is not set: no socket was passed; ${PASS_A_SOCKET}`
          : `LISTEN_FDS=${count}: no socket was passed; ${PASS_A_SOCKET}`,
      ),
    ];
  }
  const findings = [isOurs, ok(`LISTEN_FDS=${passed.length}`)];
  for (const { fd, name } of passed.slice(0, CHECKED_MAX)) {
    const { listens, kind } = await probeSocket(fd, options.backlog);
    findings.push(
      listens ? ok(`fd ${fd} "${name}" is ${kind}`) : wrong(
        `fd ${fd} "${name}" is ${kind}; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no`,
      ),
    );
  }
  try {
    chooseSocket(passed, options.name);
  } catch (error) {
    findings.push(finding(error));
  }
  return findings;
}

/** The message of an activation error names the next step. */
function finding(error: unknown): Finding {
  if (!(error instanceof ActivationError)) throw error;
  return wrong(error.message);
}
