/** Programs that are given their sockets as systemd does it. */

import { DENO_RUN } from "./deno_run.ts";
import { Program, REPOSITORY } from "./program.ts";
import type { TempDir } from "./temp_dir.ts";
import { HAS_IPV6, tcpAddress } from "./test_server.ts";

/** Sockets, and the command that gets them. */
export interface ListenOptions {
  /** Where to listen, as `systemd-socket-activate` takes it. */
  addresses: string[];
  /** The names of the sockets, joined with colons; by default they have none. */
  names?: string;
  /** The command. */
  command: string[];
  /** Variables for the command, which has no others. */
  env?: Record<string, string>;
  /** Options of systemd-socket-activate. */
  options?: string[];
}

/**
 * Listens, and runs a command with the sockets at the first connection to one of them.
 * Resolves once it listens; the program has the process id of the command.
 */
export async function listenFor(
  { addresses, names, command, env = {}, options = [] }: ListenOptions,
): Promise<Program> {
  const program = new Program("systemd-socket-activate", [
    ...addresses.map((address) => `--listen=${address}`),
    ...(names === undefined ? [] : [`--fdname=${names}`]),
    ...Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`),
    ...options,
    ...command,
  ], { env: { SYSTEMD_LOG_LEVEL: "info", SYSTEMD_LOG_TARGET: "console" } });
  try {
    await program.stderr.line(new RegExp(` as ${2 + addresses.length}\\.$`));
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

export interface ActivateOptions
  extends Omit<ListenOptions, "names" | "command"> {
  /** The names of the sockets; by default they have none. */
  names?: string[];
  /** A module of this repository. */
  module: string;
  /** The permissions of the module, as Deno's options. */
  allow: string[];
  /** The module's arguments. */
  args?: string[];
  /** The limit of descriptors. */
  descriptors?: number;
  /** A command that runs the module's command in its place, as strace -D does. */
  wrapper?: string[];
}

/** The variables of activation: the least that such a program needs. */
export const ALLOW_ACTIVATION =
  "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES";

/** Deno's cache directory, in an otherwise empty environment. */
export const CACHE: Record<string, string> = {
  DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
};

/** As {@linkcode listenFor}, for a module of this repository. */
export function activate(
  {
    names,
    module,
    allow,
    args = [],
    env = {},
    descriptors,
    wrapper = [],
    ...listening
  }: ActivateOptions,
): Promise<Program> {
  return listenFor({
    ...listening,
    names: names?.join(":"),
    env: { ...CACHE, NO_COLOR: "1", ...env },
    command: [
      ...(descriptors === undefined
        ? []
        : ["prlimit", `--nofile=${descriptors}`]),
      ...wrapper,
      ...DENO_RUN,
      ...allow,
      `${REPOSITORY}${module}`,
      ...args,
    ],
  });
}

/** The kinds of stream socket that can be adopted. */
export const KINDS = [
  ...["unix path", "abstract", "IPv4"] as const,
  ...(HAS_IPV6 ? ["IPv6"] as const : []),
];
export type Kind = (typeof KINDS)[number];

/** Returns free addresses, in the form of `systemd-socket-activate`. */
export function freeAddresses(
  kind: Kind,
  directory: TempDir,
  count: number,
): string[] {
  switch (kind) {
    case "unix path":
    case "abstract": {
      const prefix = kind === "abstract" ? "@" : "";
      return Array.from(
        { length: count },
        (_, i) => `${prefix}${directory.join(`${i}.socket`)}`,
      );
    }
    case "IPv4":
    case "IPv6": {
      const hostname = kind === "IPv4" ? "127.0.0.1" : "::1";
      return freePorts(hostname, count)
        .map((port) => tcpAddress(hostname, port));
    }
  }
}

/** Returns the host and port of a TCP address; undefined of a unix socket. */
export function hostAndPort(
  address: string,
): { hostname: string; port: number } | undefined {
  const [, hostname, port] = /^\[?([0-9a-f.:]+?)\]?:([0-9]+)$/.exec(address) ??
    [];
  return hostname === undefined ? undefined : { hostname, port: Number(port) };
}

/** Connects to an address in the form of `systemd-socket-activate`. */
export function dial(address: string): Promise<Deno.TcpConn | Deno.UnixConn> {
  const tcp = hostAndPort(address);
  return tcp === undefined
    ? Deno.connect({ transport: "unix", path: address.replace(/^@/, "\0") })
    : Deno.connect(tcp);
}

/** Returns different TCP ports that are free at the moment. */
export function freePorts(hostname: string, count: number): number[] {
  using listeners = new DisposableStack();
  return Array.from({ length: count }, () => {
    const listener = listeners.use(Deno.listen({ hostname, port: 0 }));
    return listener.addr.port;
  });
}
