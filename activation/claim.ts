import type { ChunkConn } from "./_conn.ts";
import { fdsFor } from "./_choose_fds.ts";
import { notActivated } from "./_no_socket.ts";
import { describeFds, type ListenFd, listenFds } from "./environment.ts";
import { ActivationError, type ActivationErrorCode } from "./errors.ts";
import { type AdoptedDatagramConn, listenDatagram } from "./listen_datagram.ts";
import { type AdoptedListener, listen, type ListenOptions } from "./listen.ts";

/** The kinds of socket that {@linkcode claim} distinguishes, and what they become. */
export interface ClaimKinds {
  /** TCP over IPv4 or IPv6. */
  tcp: Deno.Listener<Deno.TcpConn & ChunkConn, Deno.NetAddr>;
  /** A unix stream socket, with a path or abstract. */
  unix: Deno.Listener<Deno.UnixConn & ChunkConn, Deno.UnixAddr>;
  /** Any of the above. */
  stream: AdoptedListener;
  /** UDP over IPv4 or IPv6. */
  udp: AdoptedDatagramConn;
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
 * name exactly once, and the right kind. One error reports every mismatch. Other
 * descriptors stay available.
 *
 * Names are compared before any descriptor is adopted: if they do not match, every
 * descriptor stays available. The kind of a socket is known only after it is adopted:
 * if one does not match, all adopted listeners are closed.
 *
 * Needs `--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html#FileDescriptorName= | systemd.socket(5), FileDescriptorName=}
 *
 * @typeParam Kinds The names and kinds, as literal types.
 * @param kinds The kind of each socket, by its name.
 * @param options The backlog, for all of them.
 * @returns The listeners and datagram sockets by name. Dispose of the result to close them.
 * @throws {ActivationError} A name is missing or was passed more than once, or a socket
 * is of another kind.
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
  if (passed.length === 0 && wanted.length > 0) {
    throw notActivated(
      `claim ${wanted.map(([name]) => `"${name}"`).join(", ")}`,
    );
  }
  const chosen = await chooseAll(wanted, passed);

  using adopted = new DisposableStack();
  const sockets: Record<string, AdoptedListener | AdoptedDatagramConn> = {};
  const mismatches: string[] = [];
  let code: ActivationErrorCode = "wrong-kind";
  for (const { name, kind, listenFd } of chosen) {
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

/** A socket to adopt. */
interface Chosen {
  name: string;
  kind: keyof ClaimKinds;
  listenFd: ListenFd;
}

/** Chooses the descriptor of each name, without adopting any. */
async function chooseAll(
  wanted: [name: string, kind: keyof ClaimKinds][],
  passed: readonly ListenFd[],
): Promise<Chosen[]> {
  const chosen: Chosen[] = [];
  const mismatches: string[] = [];
  for (const [name, kind] of wanted) {
    const named = passed.filter((listenFd) => listenFd.name === name);
    const [listenFd, ...others] = await fdsFor(
      kind === "udp" ? "udp" : "stream",
      named,
    );
    if (listenFd === undefined) mismatches.push(`"${name}" was not passed`);
    else if (others.length === 0) chosen.push({ name, kind, listenFd });
    else {
      const fds = [listenFd, ...others].map(({ fd }) => `fd ${fd}`).join(", ");
      mismatches.push(`"${name}" was passed more than once (${fds})`);
    }
  }
  if (mismatches.length > 0) mismatches.push(`passed: ${describeFds(passed)}`);
  refuse("wrong-name", mismatches);
  return chosen;
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
