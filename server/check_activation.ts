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

/** No more are looked at: it should be one, and a forged count may be huge. */
const LOOKED_AT = 8;

/** Tells what the service manager handed over, and whether it can be served. */
export async function checkActivation(
  options: Pick<ServerOptions, "name" | "backlog">,
  env: ActivationEnv,
  pid: number,
): Promise<Finding[]> {
  let given: ListenFd[];
  try {
    given = listenFds({ env, pid, unsetEnv: false });
  } catch (error) {
    return [mistake(error)];
  }
  const listenPid = env.get("LISTEN_PID");
  if (listenPid === undefined) {
    return [
      wrong(`LISTEN_PID is not set: nothing was handed over; ${PASS_A_SOCKET}`),
    ];
  }
  if (listenPid !== String(pid)) {
    return [wrong(
      `LISTEN_PID=${listenPid} names another process, this is ${pid}: what was handed over is for that one; have it run ipc-server in its own place ("exec ipc-server" in a script)`,
    )];
  }
  const forUs = ok(`LISTEN_PID=${listenPid} names this process`);
  if (given.length === 0) {
    const count = env.get("LISTEN_FDS");
    return [
      forUs,
      wrong(
        count === undefined
          ? `LISTEN_FDS is not set: no socket was handed over; ${PASS_A_SOCKET}`
          : `LISTEN_FDS=${count}: no socket was handed over; ${PASS_A_SOCKET}`,
      ),
    ];
  }
  const findings = [forUs, ok(`LISTEN_FDS=${given.length}`)];
  for (const { fd, name } of given.slice(0, LOOKED_AT)) {
    const { listens, what } = await probeSocket(fd, options.backlog);
    findings.push(
      listens ? ok(`fd ${fd} "${name}" is ${what}`) : wrong(
        `fd ${fd} "${name}" is ${what}; use ListenStream= with a path, an @abstract name or a TCP port, and Accept=no`,
      ),
    );
  }
  try {
    chooseSocket(given, options.name);
  } catch (error) {
    findings.push(mistake(error));
  }
  return findings;
}

/** Messages of such errors say what to do; any other is not the operator's. */
function mistake(error: unknown): Finding {
  if (!(error instanceof ActivationError)) throw error;
  return wrong(error.message);
}
