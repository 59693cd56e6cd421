import { hostAndPort } from "../activation/_address.ts";
import {
  type ActivationEnv,
  ActivationError,
  listen,
  type ListenFd,
  listenFds,
} from "../mod.ts";
import { chooseSocket, PASS_A_SOCKET } from "./choose_socket.ts";
import { type Finding, ok, wrong } from "./finding.ts";
import type { IpcServerOptions } from "./options.ts";

/** The most descriptors to check: one is expected, and a forged count may be huge. */
const CHECKED_MAX = 8;

/** Returns findings about the passed descriptors. */
export async function checkActivation(
  options: Pick<IpcServerOptions, "name" | "backlog">,
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
  for (const listenFd of passed.slice(0, CHECKED_MAX)) {
    findings.push(await checkSocket(listenFd, options.backlog));
  }
  try {
    chooseSocket(passed, options.name);
  } catch (error) {
    findings.push(finding(error));
  }
  return findings;
}

/**
 * Listens as the server does, and closes the descriptor before the runtime polls it:
 * pending connections stay in the kernel's queue, and a unix socket keeps its path.
 *
 * @param backlog The same as in serving: listen(2) changes that of a unix socket.
 */
async function checkSocket(
  listenFd: ListenFd,
  backlog: number,
): Promise<Finding> {
  try {
    using listener = await listen(listenFd, { backlog });
    return ok(
      `fd ${listenFd.fd} "${listenFd.name}" is ${describe(listener.addr)}`,
    );
  } catch (error) {
    return finding(error);
  }
}

function describe(addr: Deno.NetAddr | Deno.UnixAddr): string {
  if ("path" in addr) return "a unix stream socket that listens";
  const address = hostAndPort(addr.hostname, addr.port);
  return `a TCP socket that listens on ${address}`;
}

/** The message of an activation error names the next step. */
function finding(error: unknown): Finding {
  if (!(error instanceof ActivationError)) throw error;
  return wrong(error.message);
}
