import type { NotifyError } from "../mod.ts";

/**
 * The notify sockets that the executable has the permission for (`deno.json`): systemd's;
 * that of systemd 258 and newer in a service with `RootDirectory=`; podman's.
 */
export const NOTIFY_SOCKETS: readonly string[] = [
  "/run/systemd/notify",
  "/run/host/notify",
  "/run/notify/notify.sock",
];

/**
 * Returns the message of a failed notification. That of a missing permission names the
 * supported sockets instead of the permission.
 */
export function notifyProblem(error: NotifyError, socket: string): string {
  return error.cause instanceof Deno.errors.NotCapable
    ? `NOTIFY_SOCKET=${socket} cannot be used: the executable may only send to ${
      NOTIFY_SOCKETS.join(", ")
    }; in a drop-in, set Environment=NOTIFY_SOCKET= to one of these and bind the socket there, or compile ipc-server with its path in deno.json`
    : error.message;
}
