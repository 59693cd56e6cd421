import { describeFds, listenFdsNamed } from "./environment.ts";
import { ActivationError } from "./errors.ts";
import { listen, type ListenOptions } from "./listen.ts";

/** Options for {@linkcode listenOr}. */
export type ListenOrOptions =
  & ListenOptions
  & {
    /**
     * The name of the socket to adopt: `FileDescriptorName=` of the socket unit,
     * by default the name of the unit. Without a name, exactly one socket must have
     * been passed.
     */
    name?: string;
  }
  & (
    | (Deno.TcpListenOptions & { transport?: "tcp" })
    | (Deno.UnixListenOptions & { transport: "unix" })
  );

/**
 * Adopts the socket that the service manager passed, or opens a new one when the
 * process was not activated: the same program runs as a service and by hand.
 *
 * The passed socket may be of another kind than the options describe: code that
 * depends on the kind checks `addr.transport`.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`. When not
 * activated, also the permissions of `Deno.listen()`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3)}
 *
 * @param options The name of the socket, and the options of `Deno.listen()`.
 * @returns The adopted listener, or that of `Deno.listen()`.
 * @throws {ActivationError} Sockets were passed, but none or more than one of that
 * name; or the socket cannot be adopted, as with {@linkcode listen}.
 * @throws {Deno.errors.NotCapable} The process was not activated, and a permission of
 * `Deno.listen()` is missing.
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
  const [chosen, ...others] = listenFdsNamed(name);
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
      { code: "wrong-name" },
    );
  }
  return await listen(chosen, { backlog });
}
