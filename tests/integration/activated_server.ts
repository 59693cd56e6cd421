/**
 * bin/ipc-server, started the way systemd does it: by its first connection, with
 * the listening socket as descriptor 3.
 */

import {
  type Activated,
  listenFor,
  type ListenOptions,
} from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { IPC_SERVER } from "../support/program.ts";

/** The name that the server expects its socket to have. */
export const SOCKET_NAME = "ipc-server.socket";

export interface ActivationOptions
  extends Partial<Omit<ListenOptions, "addresses" | "names">> {
  /** Their names, joined with colons; null for none. */
  fdNames?: string | null;
}

export class ActivatedServer implements AsyncDisposable {
  /** Until the first connection systemd-socket-activate, from then on the server. */
  readonly program: Activated;

  private constructor(program: Activated) {
    this.program = program;
  }

  /** Waits until it listens. The command is the server without options by default. */
  static async listen(
    { fdNames = SOCKET_NAME, command = [IPC_SERVER], ...others }:
      ActivationOptions = {},
  ): Promise<ActivatedServer> {
    const names = fdNames ?? undefined;
    return new ActivatedServer(await listenFor({ names, command, ...others }));
  }

  /** As {@linkcode listen}, for a server with these options and one unix socket. */
  static async with(...args: string[]): Promise<ActivatedServer> {
    return await ActivatedServer.listen({ command: [IPC_SERVER, ...args] });
  }

  /** Where it listens, as ipc-client takes it. */
  get address() {
    return this.program.address;
  }

  get stdout() {
    return this.program.stdout;
  }

  connect(): Promise<Deno.TcpConn | Deno.UnixConn> {
    return this.program.dial();
  }

  /** The lines that the server itself wrote to stderr. */
  complaints(): string[] {
    const { seen } = this.program.stderr;
    const start = seen.findIndex((line) => line.startsWith("Execing "));
    return start === -1 ? [] : seen.slice(start + 1);
  }

  /** Sends SIGSTOP: later bytes wait in the kernel. */
  async freeze(): Promise<void> {
    this.program.kill("SIGSTOP");
    await eventually(
      "the server is stopped",
      () => this.#status("State"),
      (state) => state.startsWith("T"),
    );
  }

  /** Sends SIGCONT. */
  thaw(): void {
    this.program.kill("SIGCONT");
  }

  /** Its peak resident memory, in MiB. */
  peakMemory(): number {
    return Number.parseInt(this.#status("VmHWM")) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }

  #status(field: string): string {
    const status = Deno.readTextFileSync(`/proc/${this.program.pid}/status`);
    const value = new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1];
    if (value === undefined) throw new Error(`No ${field} in ${status}`);
    return value;
  }
}
