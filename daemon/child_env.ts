import { ACTIVATION_VARIABLES } from "../activation/environment.ts";
import { NOTIFY_VARIABLES } from "./environment.ts";

/** The part of `Deno.CommandOptions` that {@linkcode childEnv} returns. */
export interface ChildEnv {
  /** Always true: the child gets `env` and nothing else. */
  clearEnv: true;
  /** The environment of this process without the variables of its service manager. */
  env: Record<string, string>;
}

/**
 * Returns the environment for a child process: that of this process without the
 * variables of the service manager. A child with `NOTIFY_SOCKET` could notify for the
 * service; a child with `LISTEN_FDS` could use sockets of the service.
 *
 * Children still inherit the descriptors: Deno does not set close-on-exec on them.
 * Run a child that must not have them as a unit of its own.
 *
 * Needs unscoped `--allow-env`: the whole environment is copied.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3), unset_environment}
 *
 * @param env More variables for the child, which replace those of this process.
 * @returns Options to spread into those of `Deno.Command`.
 * @throws {Deno.errors.NotCapable} The permission to read the environment is missing.
 *
 * @example
 * ```ts
 * import { childEnv } from "@ipc/ipc";
 *
 * const command = new Deno.Command("true", { ...childEnv({ LANG: "C" }) });
 * await command.output();
 * ```
 */
export function childEnv(env: Record<string, string> = {}): ChildEnv {
  const own = Deno.env.toObject();
  for (const name of [...ACTIVATION_VARIABLES, ...NOTIFY_VARIABLES]) {
    delete own[name];
  }
  return { clearEnv: true, env: { ...own, ...env } };
}
