/** bin/ipc-server, started as systemd does it, by its first connection. */

import { Activated, type ListenOptions } from "../support/activate.ts";
import { eventually } from "../support/eventually.ts";
import { IPC_SERVER } from "../support/program.ts";

/** The name that the server expects its socket to have. */
export const SOCKET_NAME = "ipc-server.socket";

export class ActivatedServer extends Activated {
  /** Waits until it listens, by default on one unix socket of the expected name. */
  static listen(
    options: Partial<ListenOptions> = {},
  ): Promise<ActivatedServer> {
    const defaults = { names: SOCKET_NAME, command: [IPC_SERVER] };
    return new ActivatedServer({ ...defaults, ...options }).listens();
  }

  /** As {@linkcode listen}, for a server with these options. */
  static with(...args: string[]): Promise<ActivatedServer> {
    return ActivatedServer.listen({ command: [IPC_SERVER, ...args] });
  }

  /** The lines that the server itself wrote to stderr. */
  complaints(): string[] {
    const { seen } = this.stderr;
    const start = seen.findIndex((line) => line.startsWith("Execing "));
    return start === -1 ? [] : seen.slice(start + 1);
  }

  /** Sends SIGSTOP: later bytes wait in the kernel, until SIGCONT. */
  async freeze(): Promise<void> {
    this.kill("SIGSTOP");
    const isStopped = () => this.#status("State").startsWith("T");
    await eventually("the server is stopped", isStopped, (stopped) => stopped);
  }

  /** Its peak resident memory, in MiB. */
  peakMemory(): number {
    return Number.parseInt(this.#status("VmHWM")) / 1024;
  }

  #status(field: string): string {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)![1]!;
  }
}
