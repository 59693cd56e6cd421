import { ACTIVATION_VARIABLES } from "../activation/environment.ts";
import { NOTIFY_VARIABLES } from "./environment.ts";

/** The part of `Deno.CommandOptions` that {@linkcode childEnv} returns. */
export interface ChildEnv {
  /** Always true: the child gets `env` and nothing else. */
  clearEnv: true;
  /** The environment of this process, less what was meant for it alone. */
  env: Record<string, string>;
}

/**
 * Returns the environment for a child process: that of this process without the
 * variables that are addressed to it. A child that got `NOTIFY_SOCKET` could
 * speak for the service; one that got `LISTEN_FDS` might take sockets that are
 * not its own.
 *
 * The descriptors themselves cannot be kept from children: Deno does not set
 * close-on-exec on what was passed. They stay open in a child for as long as it
 * lives; a child that has to be free of them is better a unit of its own.
 *
 * Needs `--allow-env`, all of it: the environment is copied.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3), unset_environment}
 *
 * @param env More variables for the child; they may name those above anew.
 * @returns What to spread into the options of `Deno.Command`.
 * @throws {Deno.errors.NotCapable} The environment may not be read.
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
