import { fdsFor, onlyFd } from "./_choose_fds.ts";
import { openFallback } from "./_fallback.ts";
import { listenFdsNamed } from "./environment.ts";
import { listen, type ListenOptions } from "./listen.ts";

/** Options for {@linkcode listenOr}. */
export type ListenOrOptions =
  & ListenOptions
  & {
    /**
     * The name of the socket to adopt: `FileDescriptorName=` of the socket unit,
     * by default the name of the unit. Without a name, exactly one stream socket must
     * have been passed.
     */
    name?: string | undefined;
  }
  & (
    | (Deno.TcpListenOptions & { transport?: "tcp" })
    | (Deno.UnixListenOptions & { transport: "unix" })
  );

/**
 * Adopts the socket that the service manager passed, or opens a new one when the
 * process was not activated: the same program runs as a service and by hand.
 *
 * The options of `Deno.listen()` describe the new one. Its `hostname` is `"127.0.0.1"`
 * by default, as that of the fallback of `serve()`. The passed socket may be of another
 * kind: code that depends on the kind checks `addr.transport`.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`. When not
 * activated, also the permissions of `Deno.listen()`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html | sd_listen_fds(3)}
 *
 * @param options The name of the socket, and the options of `Deno.listen()`.
 * @returns The adopted listener, or that of `Deno.listen()`.
 * @throws {ActivationError} Sockets were passed, but none or more than one of that
 * name; the socket cannot be adopted, as with {@linkcode listen}; or it was passed to
 * the process that has started this one, a shell for example.
 * @throws {Deno.errors.AddrInUse} The process was not activated, and the address is in
 * use; also other errors of `Deno.listen()`. The message names the address.
 *
 * @example
 * ```ts
 * import { listenOr } from "@ipc/ipc";
 *
 * const listener = await listenOr({ port: 0 });
 * console.log("listening on", listener.addr);
 * ```
 */
export async function listenOr(
  options: ListenOrOptions,
): Promise<Deno.TcpListener | Deno.UnixListener> {
  const { name, backlog, ...own } = options;
  const listenFds = await fdsFor("stream", listenFdsNamed(name));
  if (listenFds.length > 0) {
    return await listen(onlyFd(listenFds, name), { backlog });
  }
  const fallback = "path" in own ? own : { ...own, port: own.port ?? 0 };
  return openFallback<Deno.TcpListener | Deno.UnixListener>(
    fallback,
    (where) =>
      "path" in where
        ? Deno.listen({ ...where, transport: "unix" })
        : Deno.listen(where),
  );
}
