import { ActivationError } from "./activation_error.ts";
import type { ChunkConn } from "./adopted_conn.ts";
import type { ListenFd } from "./environment.ts";
import {
  type InheritedListener,
  listen,
  type ListenOptions,
} from "./listen.ts";
import { listenFds } from "./listen_fds.ts";

/** The kinds of socket that {@linkcode claim} tells apart, and their listeners. */
export interface ClaimKinds {
  /** TCP over IPv4 or IPv6. */
  tcp: Deno.Listener<Deno.TcpConn & ChunkConn, Deno.NetAddr>;
  /** A unix stream socket, with a path or abstract. */
  unix: Deno.Listener<Deno.UnixConn & ChunkConn, Deno.UnixAddr>;
  /** Either of them. */
  stream: InheritedListener;
}

/**
 * What {@linkcode claim} returns: a listener for each name. Disposing of it
 * closes them all.
 */
export type Claimed<Kinds extends Record<string, keyof ClaimKinds>> =
  & { readonly [Name in keyof Kinds]: ClaimKinds[Kinds[Name]] }
  & Disposable;

/**
 * Takes the sockets that the service manager passed by their names, and checks
 * that they are what the program expects: each name once, nothing else, and of
 * the right kind. Everything that is not so is reported at once.
 *
 * Names are compared before anything is adopted: when they do not match, every
 * descriptor is left as it was. What kind a socket is shows only when it is
 * adopted; when a kind does not match, all that was adopted is closed again.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#FileDescriptorName= | systemd.socket(5), FileDescriptorName=}
 *
 * @typeParam Kinds The names and kinds, as literal types.
 * @param kinds The kind of each socket, by its name.
 * @param options The backlog, for all of them.
 * @returns The listeners by name, to be disposed of together.
 * @throws {ActivationError} What was passed does not match: a name is missing,
 * was passed more than once or was not claimed, or a socket is of another kind.
 *
 * @example
 * ```ts
 * import { ActivationError, claim } from "@ipc/ipc";
 *
 * try {
 *   const sockets = await claim({ web: "tcp", control: "unix" });
 *   console.log("web is on port", sockets.web.addr.port);
 *   for await (using conn of sockets.control) {
 *     await conn.write(new TextEncoder().encode("hello\n"));
 *   }
 * } catch (error) {
 *   if (!(error instanceof ActivationError)) throw error;
 *   console.error(error.message);
 * }
 * ```
 */
export async function claim<
  const Kinds extends Record<string, keyof ClaimKinds>,
>(kinds: Kinds, options: ListenOptions = {}): Promise<Claimed<Kinds>> {
  const wanted = Object.entries<keyof ClaimKinds>(kinds);
  const passed = listenFds();
  if (passed.length === 0 && wanted.length > 0) throw notActivated(kinds);
  const byName = Map.groupBy(passed, ({ name }) => name);
  refuse(nameMismatches(wanted.map(([name]) => name), byName));

  using adopted = new DisposableStack();
  const listeners: Record<string, InheritedListener> = {};
  const mismatches: string[] = [];
  for (const [name, kind] of wanted) {
    const listenFd = byName.get(name)![0]!;
    try {
      const listener = adopted.use(await listen(listenFd, options));
      const { transport } = listener.addr;
      if (kind === "stream" || kind === transport) listeners[name] = listener;
      else {
        mismatches.push(
          `"${name}" (fd ${listenFd.fd}) is a ${transport} socket, not ${kind}`,
        );
      }
    } catch (error) {
      if (!(error instanceof ActivationError)) throw error;
      mismatches.push(`"${name}": ${error.message}`);
    }
  }
  refuse(mismatches);

  const all = adopted.move();
  return Object.assign(listeners, {
    [Symbol.dispose]: () => all.dispose(),
  }) as Claimed<Kinds>;
}

function notActivated(kinds: Record<string, unknown>): ActivationError {
  const names = Object.keys(kinds);
  return new ActivationError(
    `Cannot claim the sockets: none was passed to this process; start the program from socket units that pass ${
      names.map((name) => `"${name}"`).join(", ")
    }, or try it with systemd-socket-activate --fdname=${names.join(":")}`,
  );
}

function nameMismatches(
  wanted: string[],
  passed: Map<string, ListenFd[]>,
): string[] {
  const missing = wanted.filter((name) => !passed.has(name))
    .map((name) => `"${name}" was not passed`);
  const unexpected = [...passed].flatMap(([name, fds]) => {
    const numbers = fds.map(({ fd }) => `fd ${fd}`).join(", ");
    if (!wanted.includes(name)) return `"${name}" (${numbers}) was not claimed`;
    return fds.length > 1
      ? `"${name}" was passed more than once (${numbers})`
      : [];
  });
  return [...missing, ...unexpected];
}

function refuse(mismatches: string[]): void {
  if (mismatches.length === 0) return;
  throw new ActivationError(
    `Cannot claim the sockets: ${
      mismatches.join("; ")
    }. Each socket unit passes its FileDescriptorName=, by default its own name`,
  );
}
