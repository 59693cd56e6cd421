/**
 * bin/ipc-server, started the way systemd does it: by its first connection, with
 * the listening socket as descriptor 3.
 */

import { eventually } from "../support/eventually.ts";
import { IPC_SERVER, Program } from "../support/program.ts";
import { TempDir } from "../support/temp_dir.ts";
import { freePort, HAS_IPV6, tcpAddress } from "../support/test_server.ts";

/** The kinds of socket that the server can be given. */
export type Kind = "unix path" | "abstract" | "IPv4" | "IPv6";

/** The kinds that this machine has. */
export const KINDS: readonly Kind[] = HAS_IPV6
  ? ["unix path", "abstract", "IPv4", "IPv6"]
  : ["unix path", "abstract", "IPv4"];

/** The name that the server expects its socket to have. */
export const SOCKET_NAME = "ipc-server.socket";

export interface ActivationOptions {
  /** Which kind of socket; a unix path by default. */
  kind?: Kind;
  /** How many sockets; one by default. */
  sockets?: number;
  /** Their names, joined with colons; null for none. */
  fdNames?: string | null;
  /** What to activate; by default the server, without options. */
  command?: string[];
  /** Options of systemd-socket-activate. */
  options?: string[];
}

export class ActivatedServer implements AsyncDisposable {
  /** Where it listens, as ipc-client takes it. */
  readonly address: string;
  /** Until the first connection systemd-socket-activate, from then on the server. */
  readonly program: Program;
  readonly #started: AsyncDisposableStack;

  private constructor(
    address: string,
    program: Program,
    started: AsyncDisposableStack,
  ) {
    this.address = address;
    this.program = program;
    this.#started = started;
  }

  /** Starts systemd-socket-activate, and waits until it listens. */
  static async listen(
    {
      kind = "unix path",
      sockets = 1,
      fdNames = SOCKET_NAME,
      command = [IPC_SERVER],
      options = [],
    }: ActivationOptions = {},
  ): Promise<ActivatedServer> {
    const directory = new TempDir();
    const addresses = Array.from(
      { length: sockets },
      (_, index) => freshAddress(kind, directory, index),
    );
    await using started = new AsyncDisposableStack();
    started.use(directory);
    const program = started.use(
      new Program("systemd-socket-activate", [
        ...addresses.map((address) => `--listen=${address}`),
        ...(fdNames === null ? [] : [`--fdname=${fdNames}`]),
        ...options,
        ...command,
      ], { env: { SYSTEMD_LOG_LEVEL: "info", SYSTEMD_LOG_TARGET: "console" } }),
    );
    await program.stderr.line(new RegExp(` as ${2 + sockets}\\.$`));
    return new ActivatedServer(addresses[0]!, program, started.move());
  }

  /** As {@linkcode listen}, for a server with these options and one unix socket. */
  static async with(...args: string[]): Promise<ActivatedServer> {
    return await ActivatedServer.listen({ command: [IPC_SERVER, ...args] });
  }

  get stdout() {
    return this.program.stdout;
  }

  async connect(): Promise<Deno.TcpConn | Deno.UnixConn> {
    if (this.address.startsWith("@")) {
      return await Deno.connect({
        transport: "unix",
        path: `\0${this.address.slice(1)}`,
      });
    }
    if (this.address.startsWith("/")) {
      return await Deno.connect({ transport: "unix", path: this.address });
    }
    const { hostname, port } = new URL(`tcp://${this.address}`);
    return await Deno.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
    });
  }

  /** What the server itself wrote to stderr. */
  complaints(): string[] {
    const { seen } = this.program.stderr;
    const start = seen.findIndex((line) => line.startsWith("Execing "));
    return start === -1 ? [] : seen.slice(start + 1);
  }

  /** Stops it as a debugger would: bytes sent from now on wait. */
  async freeze(): Promise<void> {
    this.program.kill("SIGSTOP");
    await eventually(
      "the server is stopped",
      () => this.#status("State"),
      (state) => state.startsWith("T"),
    );
  }

  /** Lets it go on. */
  thaw(): void {
    this.program.kill("SIGCONT");
  }

  /** The memory that it has now, in MiB. */
  memory(): number {
    return Number.parseInt(this.#status("VmRSS")) / 1024;
  }

  /** The most memory that it ever had, in MiB. */
  peakMemory(): number {
    return Number.parseInt(this.#status("VmHWM")) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#started.disposeAsync();
  }

  #status(field: string): string {
    const status = Deno.readTextFileSync(`/proc/${this.program.pid}/status`);
    const value = new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1];
    if (value === undefined) throw new Error(`No ${field} in ${status}`);
    return value;
  }
}

function freshAddress(kind: Kind, directory: TempDir, index: number): string {
  switch (kind) {
    case "unix path":
      return directory.join(`job-${index}.socket`);
    case "abstract":
      return `@${directory.join(`job-${index}.socket`)}`;
    case "IPv4":
      return tcpAddress("127.0.0.1", freePort("127.0.0.1"));
    case "IPv6":
      return tcpAddress("::1", freePort("::1"));
  }
}
