import { ActivationError } from "./activation_error.ts";
import { chooseFds, describeFds } from "./choose_fds.ts";
import { listen, type ListenOptions } from "./listen.ts";

/** Options for {@linkcode listenOr}. */
export type ListenOrOptions =
  & ListenOptions
  & {
    /**
     * The name of the socket to take: `FileDescriptorName=` of the socket unit,
     * by default the name of the unit. Without it, the only one is taken.
     */
    name?: string;
  }
  & (
    | (Deno.TcpListenOptions & { transport?: "tcp" })
    | (Deno.UnixListenOptions & { transport: "unix" })
  );

/**
 * Takes the socket that the service manager passed, or opens one of its own when
 * the process was not activated: the same program runs as a service and by hand.
 *
 * The socket that was passed need not be of the kind that the options describe;
 * code that depends on the kind looks at `addr.transport`.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`; what
 * `Deno.listen()` needs, only when not activated.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3)}
 *
 * @param options The name of the socket, and what `Deno.listen()` takes.
 * @returns The adopted listener, or that of `Deno.listen()`.
 * @throws {ActivationError} Sockets were passed, but none of that name or more
 * than one that fits; or it cannot be adopted, as with {@linkcode listen}.
 * @throws {Deno.errors.NotCapable} Not activated, and `Deno.listen()` is not
 * allowed.
 *
 * @example
 * ```ts
 * import { listenOr } from "@ipc/ipc";
 *
 * const listener = await listenOr({ hostname: "127.0.0.1", port: 0 });
 * console.log("listening on", listener.addr);
 * ```
 */
export async function listenOr(
  options: ListenOrOptions,
): Promise<Deno.TcpListener | Deno.UnixListener> {
  const { name, backlog, ...own } = options;
  const [chosen, ...others] = chooseFds(name);
  if (chosen === undefined) {
    return "path" in own ? Deno.listen(own) : Deno.listen(own);
  }
  if (others.length > 0) {
    throw new ActivationError(
      `Cannot choose among several sockets (passed: ${
        describeFds([chosen, ...others])
      }); ${
        name === undefined
          ? "name the one to take"
          : "give each a FileDescriptorName= of its own"
      }, or take them all with listeners()`,
    );
  }
  return await listen(chosen, { backlog });
}
