import { passedTo } from "./environment.ts";
import { ActivationError } from "./errors.ts";

/**
 * Returns the cause and the next step when the socket was passed to the process that has
 * started this one; undefined otherwise.
 */
export function whyMisdirected(): string | undefined {
  const { listenPid, execPid } = passedTo();
  if (listenPid === undefined || listenPid === Deno.pid) return undefined;
  const who = listenPid === Deno.ppid
    ? "the parent of this process"
    : listenPid === execPid
    ? "the process that systemd has started"
    : undefined;
  // Any other process is no concern of this one (sd_listen_fds(3)).
  return who === undefined
    ? undefined
    : `LISTEN_PID=${listenPid} is ${who}, and this is ${Deno.pid}: a shell or "deno task" is in between; start the program by "exec", or directly in ExecStart=`;
}

/**
 * Returns why no socket was passed to this process, and the next step. Each text
 * follows from variables that were seen.
 */
export function whyNoSocket(): string {
  const misdirected = whyMisdirected();
  if (misdirected !== undefined) return misdirected;
  const { listenPid, execPid } = passedTo();
  if (execPid === Deno.pid) {
    return 'systemd has started this process without a socket; start the service by its socket unit, which needs Sockets= in the service if its name differs; or "deno run --watch" has restarted the program, and closed the socket: run it by hand with a fallback';
  }
  const other = listenPid === undefined || listenPid === Deno.pid
    ? ""
    : ` (LISTEN_PID=${listenPid} is another one)`;
  return `no socket was passed to this process${other}; start it from a socket unit, or with systemd-socket-activate`;
}

/** Returns the error of a call that needs a socket when none was passed. */
export function notActivated(action: string): ActivationError {
  return new ActivationError(`Cannot ${action}: ${whyNoSocket()}`, {
    code: "not-activated",
  });
}
