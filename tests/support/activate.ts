/** Programs that are given their sockets as systemd does it. */

import { assertEquals } from "@std/assert";
import { Program, REPOSITORY, run } from "./program.ts";
import { DENO_RUN, denoEnv, scriptCommand } from "./script.ts";
import { TempDir } from "./temp_dir.ts";

/** Sockets, and the command that gets them. */
export interface ListenOptions {
  /** Where to listen, as `systemd-socket-activate` takes it; by default {@linkcode kind}. */
  addresses?: string[];
  /** Free addresses of this kind, by default unix paths in a directory of their own. */
  kind?: Kind;
  /** The number of free addresses; one by default. */
  sockets?: number;
  /** The names of the sockets, joined with colons; by default they have none. */
  names?: string;
  command: string[];
  /** Variables for the command, which has no others. */
  env?: Record<string, string>;
  /** Options of systemd-socket-activate. */
  options?: string[];
}

/** Until the first connection systemd-socket-activate, from then on the command. */
export class Activated extends Program {
  readonly addresses: string[];
  readonly #directory: TempDir;

  constructor(
    { kind = "unix path", sockets = 1, names, command, env = {}, ...others }:
      ListenOptions,
  ) {
    const directory = new TempDir();
    const addresses = others.addresses ??
      freeAddresses(kind, directory, sockets);
    super("systemd-socket-activate", [
      ...addresses.map((address) => `--listen=${address}`),
      ...(names === undefined ? [] : [`--fdname=${names}`]),
      ...Object.entries(env).map(([name, value]) =>
        `--setenv=${name}=${value}`
      ),
      ...others.options ?? [],
      ...command,
    ], { env: { SYSTEMD_LOG_LEVEL: "info", SYSTEMD_LOG_TARGET: "console" } });
    this.addresses = addresses;
    this.#directory = directory;
  }

  /** Waits until it listens, and disposes of it when it does not. */
  async listens(): Promise<this> {
    try {
      const last = 2 + this.addresses.length;
      await this.stderr.line(new RegExp(` as ${last}\\.$`));
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  get address(): string {
    return this.addresses[0]!;
  }

  dial(): Promise<Deno.TcpConn | Deno.UnixConn> {
    return dial(this.address);
  }

  /** Starts the command, which prints a line then: many starts at once take long. */
  async starts(): Promise<void> {
    (await this.dial()).close();
    await this.stdout.atLeast(1);
  }

  /** Waits for exit status 0, and returns the printed lines. */
  async end(): Promise<string[]> {
    await this.exits(0);
    return this.stdout.seen;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}

/**
 * Listens, and runs a command with the sockets at the first connection to one of them.
 * Resolves once it listens; the program has the process id of the command.
 */
export function listenFor(options: ListenOptions): Promise<Activated> {
  return new Activated(options).listens();
}

export interface ActivateOptions extends Omit<ListenOptions, "command"> {
  /** A module of this repository. */
  module?: string;
  /** In place of a module, a script that uses the exports of `mod.ts` by name. */
  script?: string;
  /** The permissions of the module, as Deno's options. */
  allow?: string[];
  args?: string[];
  /** A command that runs the module's command in its place, as strace -D does. */
  wrapper?: string[];
}

/** The variables of activation: the least that such a program needs. */
export const ALLOW_ACTIVATION =
  "--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES";

/** As {@linkcode listenFor}, for a module of this repository, or a script. */
export function activate(
  { module, script, allow = [ALLOW_ACTIVATION], args = [], ...listening }:
    ActivateOptions,
): Promise<Activated> {
  const program = script === undefined
    ? [...DENO_RUN, ...allow, `${REPOSITORY}${module}`]
    : scriptCommand(script, allow);
  return listenFor({
    ...listening,
    env: { ...denoEnv(), ...listening.env },
    command: [...listening.wrapper ?? [], ...program, ...args],
  });
}

/** For scripts: `failure(promise)` is "adopted", or the code and message of the error. */
export const FAILURE = `const failure = (promise) => promise.then(
  () => "adopted",
  ({ code, message }) => \`\${code}: \${message}\`,
);`;

/**
 * Passes descriptors, each `KIND=NAME` of pass_fds.py, to a script that may use
 * {@linkcode FAILURE}, and returns the printed lines.
 */
export async function printed(
  passed: string,
  script: string,
  flags: readonly string[] = [],
): Promise<string[]> {
  using directory = new TempDir();
  const { stdout, stderr } = await run("python3", [
    ...[`${REPOSITORY}tests/support/pass_fds.py`, passed],
    ...scriptCommand(`${FAILURE} ${script}`, [ALLOW_ACTIVATION, ...flags]),
  ], { env: denoEnv(), cwd: directory.path });
  assertEquals(stderr, "");
  return stdout.trimEnd().split("\n");
}

/** For `deno run`: a Deno whose handles the library does not know. */
export const WITHOUT_HANDLES =
  `--preload=${REPOSITORY}tests/activation/without_handles.ts`;

export const HAS_IPV6: boolean = Deno.networkInterfaces()
  .some(({ address }) => address === "::1");

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
  if (kind === "IPv4" || kind === "IPv6") {
    return freeTcpAddresses(kind === "IPv4" ? "127.0.0.1" : "::1", count);
  }
  const start = `${kind === "abstract" ? "@" : ""}${directory.path}`;
  return Array.from({ length: count }, (_, i) => `${start}/${i}.socket`);
}

/** Returns free addresses of this host: IPv6 in brackets. */
export function freeTcpAddresses(hostname: string, count: number): string[] {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return freePorts(hostname, count).map((port) => `${host}:${port}`);
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

/** Below the ephemeral ports, which the kernel gives to any socket meanwhile. */
let lastPort = 10_000 + Math.floor(Math.random() * 20_000);

/** Returns TCP ports that are free at the moment, each of them once. */
export function freePorts(hostname: string, count: number): number[] {
  const free: number[] = [];
  while (free.length < count) {
    try {
      using listener = Deno.listen({ hostname, port: ++lastPort });
      free.push(listener.addr.port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return free;
}
