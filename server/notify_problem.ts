import type { NotifyError } from "../mod.ts";

/**
 * Returns what is wrong with a notify socket, for the operator: what the runtime
 * says of a permission is for those who compile programs.
 */
export function notifyProblem(error: NotifyError, socket: string): string {
  return error.cause instanceof Deno.errors.NotCapable
    ? `NOTIFY_SOCKET=${socket} is none that the executable may send to: that is /run/systemd/notify`
    : error.message;
}
