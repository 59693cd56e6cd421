import type { ChunkConn } from "./_conn.ts";
import { type ListenFd, listenFds } from "./environment.ts";
import { ActivationError, type ActivationErrorCode } from "./errors.ts";
import {
  type InheritedDatagramConn,
  listenDatagram,
} from "./listen_datagram.ts";
import {
  type InheritedListener,
  listen,
  type ListenOptions,
} from "./listen.ts";

/** The kinds of socket that {@linkcode claim} distinguishes, and what they become. */
export interface ClaimKinds {
  /** TCP over IPv4 or IPv6. */
  tcp: Deno.Listener<Deno.TcpConn & ChunkConn, Deno.NetAddr>;
  /** A unix stream socket, with a path or abstract. */
  unix: Deno.Listener<Deno.UnixConn & ChunkConn, Deno.UnixAddr>;
  /** Any of the above. */
  stream: InheritedListener;
  /** UDP over IPv4 or IPv6. */
  udp: InheritedDatagramConn;
}

/**
 * The result of {@linkcode claim}: a listener for each name, or a datagram socket.
 * Disposing of it closes all of them.
 */
export type Claimed<Kinds extends Record<string, keyof ClaimKinds>> =
  & { readonly [Name in keyof Kinds]: ClaimKinds[Kinds[Name]] }
  & Disposable;

/**
 * Adopts the sockets that the service manager passed by name, and checks them: each
 * name exactly once, no other name, and the right kind. One error reports every
 * mismatch.
 *
 * Names are compared before any descriptor is adopted: if they do not match, every
 * descriptor stays available. The kind of a socket is known only after it is adopted:
 * if one does not match, all adopted listeners are closed.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_PIDFDID,LISTEN_FDS,LISTEN_FDNAMES`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#FileDescriptorName= | systemd.socket(5), FileDescriptorName=}
 *
 * @typeParam Kinds The names and kinds, as literal types.
 * @param kinds The kind of each socket, by its name.
 * @param options The backlog, for all of them.
 * @returns The listeners and datagram sockets by name. Dispose of the result to close them.
 * @throws {ActivationError} A name is missing, was passed more than once or was not
 * claimed, or a socket is of another kind.
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
  refuse("wrong-name", nameMismatches(wanted.map(([name]) => name), byName));

  using adopted = new DisposableStack();
  const sockets: Record<string, InheritedListener | InheritedDatagramConn> = {};
  const mismatches: string[] = [];
  let code: ActivationErrorCode = "wrong-kind";
  for (const [name, kind] of wanted) {
    const listenFd = byName.get(name)![0]!;
    try {
      const socket = adopted.use(
        kind === "udp"
          ? await listenDatagram(listenFd)
          : await listen(listenFd, options),
      );
      const { transport } = socket.addr;
      if (kind === "stream" || kind === transport) sockets[name] = socket;
      else {
        mismatches.push(
          `"${name}" (fd ${listenFd.fd}) is a ${transport} socket, not ${kind}`,
        );
      }
    } catch (error) {
      if (!(error instanceof ActivationError)) throw error;
      code = error.code;
      mismatches.push(`"${name}": ${error.message}`);
    }
  }
  refuse(code, mismatches);

  const all = adopted.move();
  return Object.assign(sockets, {
    [Symbol.dispose]: () => all.dispose(),
  }) as Claimed<Kinds>;
}

function notActivated(kinds: Record<string, unknown>): ActivationError {
  const names = Object.keys(kinds);
  return new ActivationError(
    `Cannot claim the sockets: none was passed to this process; start the program from socket units that pass ${
      names.map((name) => `"${name}"`).join(", ")
    }, or try it with systemd-socket-activate --fdname=${names.join(":")}`,
    { code: "not-activated" },
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

function refuse(code: ActivationErrorCode, mismatches: string[]): void {
  if (mismatches.length === 0) return;
  throw new ActivationError(
    `Cannot claim the sockets: ${
      mismatches.join("; ")
    }. Each socket unit passes its FileDescriptorName=, by default its own name`,
    { code },
  );
}
